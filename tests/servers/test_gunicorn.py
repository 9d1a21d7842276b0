"""What gunicorn does to its workers besides ending: it replaces, reloads and aborts them."""

import signal
import time
import urllib.error
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.servers.kinds import APP
from tests.servers.served import TOPIC
from tests.servers.serving import arrived, clients, serving, told

COMMAND = ("gunicorn", "-b", "127.0.0.1:PORT")
REQUESTS = 20


def test_replaced_workers_lose_nothing(broker: Lease, tmp_path: Path) -> None:
    """Under --max-requests each worker sends what it has before another takes its place."""
    with serving(broker.address, tmp_path, *COMMAND, "-w", "2", "--max-requests", "5", APP) as server:
        workers = {server.get("/pid") for _ in range(REQUESTS) if server.get("/buy")}
        assert server.end(signal.SIGTERM) == 0
    assert len(workers) > 2, "some were replaced"
    assert len(set(arrived(broker.address, TOPIC))) == REQUESTS


def test_reload_under_load_loses_nothing(broker: Lease, tmp_path: Path) -> None:
    """On SIGHUP the old workers send what they have while the new ones answer."""
    with serving(broker.address, tmp_path, *COMMAND, "-w", "2", APP) as server, clients(server) as answered:
        wait_until(lambda: len(answered) >= REQUESTS, "clients are served")
        server.process.send_signal(signal.SIGHUP)
        log = tmp_path / "server.log"
        wait_until(lambda: log.read_text().count("Booting worker") >= 4, "there are new workers")
        wait_until(lambda: log.read_text().count("Worker exiting") >= 2, "the old ones are gone")
        before = len(answered)
        wait_until(lambda: len(answered) >= before + REQUESTS, "clients are served again")
        assert server.end(signal.SIGTERM) == 0
    ids = arrived(broker.address, TOPIC)
    assert len(set(ids)) == len(ids) >= len(answered)


@pytest.mark.parametrize("is_alive", [True, False], ids=["broker", "no-broker"])
def test_aborted_worker_sends_or_tells(broker: Lease, tmp_path: Path, *, is_alive: bool) -> None:
    """A worker that hangs gets SIGABRT and, about a second later, SIGKILL: half of that is enough to send or to tell.

    With the broker away CLOSE_SECONDS, which is longer, would have it killed before it told anything.
    """
    address = broker.address if is_alive else "127.0.0.1:1"
    with serving(address, tmp_path, *COMMAND, "--timeout", "1", APP, SERVED_CLOSE_SECONDS="5") as server:
        for _ in range(REQUESTS):
            assert server.get("/buy") == "sold"
        old = server.get("/pid")
        with pytest.raises(urllib.error.HTTPError):
            server.get("/hang")
        began = time.monotonic()
        wait_until(lambda: server.get("/pid") != old, "another worker answers")
        assert time.monotonic() - began < 0.5 + 0.5 + 1, "its half second, and a second for gunicorn"
        assert server.end(signal.SIGTERM) == 0
    assert "was sent SIGKILL" not in (tmp_path / "server.log").read_text()
    assert len(set(arrived(broker.address, TOPIC))) == (REQUESTS if is_alive else 0)
    assert told(tmp_path) == (0 if is_alive else REQUESTS)
