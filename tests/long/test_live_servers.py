"""The live page under gunicorn: threads and gevent, several workers, forks, and an end that waits for no stream."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from examples.game_api.app import TOPIC
from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.testing import faults
from tests.examples.live_stream import Stream
from tests.processes import wait_until
from tests.servers.serving import Server, arrived, serving

THREADS = ("-k", "gthread", "--threads", "16")
GEVENT = ("-k", "gevent")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        lease.create_topic(TOPIC)
        yield lease


@contextmanager
def gunicorn(broker: Lease, folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """The game under gunicorn, once it answers."""
    command = ("gunicorn", "-b", "127.0.0.1:PORT", *options, "examples.game_api:create_app()")
    environment["FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS"] = broker.address
    with serving(broker.address, folder, *command, **environment) as server:
        server.get("/health")
        yield server


@pytest.mark.parametrize(
    "options", [(*THREADS, "-w", "2"), (*THREADS, "-w", "2", "--preload"), (*GEVENT, "-w", "2"), (*GEVENT, "--preload")],
    ids=["gthread", "gthread-preload", "gevent", "gevent-preload"],
)  # fmt: skip
def test_every_reader_gets_every_event_once(broker: Lease, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Whichever of the workers it reads from, and whichever of them was asked."""
    with gunicorn(broker, tmp_path, *options) as server, ExitStack() as stack:
        streams = [stack.enter_context(Stream(server.address)) for _ in range(6)]
        for stream in streams:
            stream.until("snapshot")
        for number in range(30):
            server.get(f"/purchase_a_sword?player={number}")
        expected = sorted(map(str, range(30)))
        for stream in streams:
            rows = stream.rows(30)
            assert [row["offset"] for row in rows] == list(range(30))
            assert sorted(row["player"] for row in rows) == expected
        # The next events are the next ones: nothing came twice.
        server.get("/")
        assert {stream.rows(1)[0]["offset"] for stream in streams} == {30}


def test_line_that_drops_is_taken_up_by_another_process(broker: Lease, tmp_path: Path) -> None:
    """A server that was started anew tells a reader what it missed, and nothing that it had."""
    with gunicorn(broker, tmp_path, *THREADS) as server:
        with Stream(server.address) as stream:
            stream.until("snapshot")
            server.get("/")
            assert [row["offset"] for row in stream.rows(1)] == [0]
            last = stream.last
        server.get("/join_guild")
        assert server.end(signal.SIGTERM) == 0
    with gunicorn(broker, tmp_path, *THREADS) as server, Stream(server.address, last=last) as stream:
        assert next(stream.messages()).name == ""
        assert next(stream.messages()).name == "acknowledged"
        assert [(row["offset"], row["type"]) for row in stream.rows(1)] == [(1, "joined_guild")]


@pytest.mark.parametrize(
    ("options", "signum"),
    [(THREADS, signal.SIGTERM), (THREADS, signal.SIGINT), (GEVENT, signal.SIGTERM)],
    ids=["gthread", "gthread-SIGINT", "gevent"],
)
def test_end_waits_for_no_stream(
    broker: Lease, tmp_path: Path, options: tuple[str, ...], signum: signal.Signals
) -> None:
    """With open streams the server ends in a moment, its readers are told, and no event is lost."""
    with gunicorn(broker, tmp_path, *options) as server, ExitStack() as stack:
        streams = [stack.enter_context(Stream(server.address)) for _ in range(3)]
        for stream in streams:
            stream.until("snapshot")
        for _ in range(20):
            server.get("/")
        started = time.monotonic()
        assert server.end(signum) == 0
        assert time.monotonic() - started < 5
        assert [list(stream.messages())[-1].name for stream in streams] == ["bye"] * 3
    assert len(arrived(broker.address, TOPIC)) == 20


def test_end_that_nobody_heard_waits_for_a_streams_life(broker: Lease, tmp_path: Path) -> None:
    """Under --preload and threads no signal reaches the page: a stream ends in its time, and the server with it."""
    options = (*THREADS, "--preload")
    with (
        gunicorn(broker, tmp_path, *options, FLASK_GAME_LIVE_SECONDS="2") as server,
        Stream(server.address) as stream,
    ):
        stream.until("snapshot")
        server.get("/")
        started = time.monotonic()
        assert server.end(signal.SIGTERM) == 0
        assert time.monotonic() - started < 8
    assert len(arrived(broker.address, TOPIC)) == 1


@pytest.mark.parametrize("options", [THREADS, GEVENT], ids=["gthread", "gevent"])
def test_outage_stops_no_request(broker: Lease, tmp_path: Path, options: tuple[str, ...]) -> None:
    """While the consumer looks for a broker that is away, requests are answered at once; then the events come."""
    with gunicorn(broker, tmp_path, *options) as server, Stream(server.address, timeout=20) as stream:
        stream.until("snapshot")
        with faults.broker_down(broker):
            wait_until(lambda: not stream.until("state").data["broker"]["answers"], "it is told")
            slowest = 0.0
            for _ in range(50):
                asked = time.monotonic()
                server.get("/")
                slowest = max(slowest, time.monotonic() - asked)
        assert slowest < 0.3
        assert len(stream.rows(50)) == 50


def test_worker_without_threads_says_so(broker: Lease, tmp_path: Path) -> None:
    """Gunicorn's sync worker answers 501, and serves the game."""
    with gunicorn(broker, tmp_path) as server:
        with Stream(server.address) as stream:
            assert stream.response.status == 501
        assert server.get("/") == "\nThis is the default response!\n"
