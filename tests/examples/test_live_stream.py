"""The live page's stream over HTTP, on the embedded broker."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from examples.game_api.app import TOPIC
from examples.game_api.live.routes import HEADERS
from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.testing import faults
from tests.examples.live_stream import Playing, Stream, playing
from tests.leaks import librdkafka_threads
from tests.processes import is_running, wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        yield lease


@pytest.fixture
def game(broker: Lease) -> Iterator[Playing]:
    """A game that is served in this process."""
    with playing(broker, GAME_LIVE_READERS=3) as game:
        yield game


def test_click_is_told_with_all_that_is_known_of_it(game: Playing) -> None:
    """Type, player, place, the times of its way and its attributes; within a second."""
    with game.stream() as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        stream.until("snapshot")
        clicked = time.time()
        game.get("/purchase_a_sword", player="ana")
        [row] = stream.rows(1)
        assert row["seen"] - clicked < 1
        assert (row["type"], row["player"], row["partition"], row["offset"]) == (
            "purchased_sword",
            "ana",
            0,
            0,
        )
        assert clicked <= row["time"] <= row["answered"] <= time.time()
        assert row["attributes"]["httproute"] == "/purchase_a_sword"
        if row["acknowledged"] is None:
            [row["acknowledged"]] = stream.until("acknowledged").data.values()
        assert row["time"] < row["acknowledged"] < time.time()


def test_page_begins_with_what_there_is(game: Playing) -> None:
    """A reader that begins gets the counts by type and player, and the latest rows, with their acknowledgements."""
    for path, player in (("/", "ana"), ("/purchase_a_sword", "ana"), ("/join_guild", "bo")):
        game.get(path, player=player)
    game.get("/")
    assert game.events.flush(5)
    with game.stream() as stream:
        snapshot = stream.until("snapshot")
    tally = snapshot.data["tally"]
    assert dict(tally["types"]) == {"default": 2, "purchased_sword": 1, "joined_guild": 1}
    assert dict(tally["players"]) == {"ana": 2, "bo": 1}
    assert tally["unnamed"]["nobody"] == 1
    assert [row["offset"] for row in snapshot.data["rows"]] == [0, 1, 2, 3]
    assert snapshot.id.endswith("/0:3")


def test_dropped_line_misses_nothing_and_repeats_nothing(game: Playing) -> None:
    """A reader that comes again with the last id it had gets what happened meanwhile, and then what happens."""
    read: list[int] = []
    with game.stream() as stream:
        stream.until("snapshot")
        game.get("/")
        read += [row["offset"] for row in stream.rows(1)]
        last = stream.last
    for _ in range(5):
        game.get("/")
    assert game.events.flush(5)
    with game.stream(last=last) as stream:
        read += [row["offset"] for row in stream.rows(2)]
        last = stream.last
    with game.stream(last=last) as stream:
        read += [row["offset"] for row in stream.rows(3)]
        game.get("/")
        read += [row["offset"] for row in stream.rows(1)]
    assert read == list(range(7))


def test_a_page_may_name_its_place_in_the_address(game: Playing) -> None:
    """A browser gives a stream that it opens itself no Last-Event-ID."""
    with game.stream() as stream:
        stream.until("snapshot")
        game.get("/")
        stream.rows(1)
        last = stream.last
        game.get("/join_guild")
        stream.rows(1)
    with game.stream(after=last) as stream:
        messages = stream.messages()
        names = [next(messages).name for _ in range(3)]
    assert names == ["", "acknowledged", "event"]


def test_two_partitions_are_resumed_each_at_its_own_offset(broker: Lease) -> None:
    """The id tells how far each of them was read."""
    broker.create_topic(TOPIC, partitions=2)
    producer = Producer({"bootstrap.servers": broker.address})

    def produce(partition: int, count: int) -> None:
        for _ in range(count):
            producer.produce(TOPIC, b"x", partition=partition)
        producer.flush(5)

    with playing(broker) as game:
        with game.stream() as stream:
            stream.until("snapshot")
            produce(0, 3)
            produce(1, 1)
            stream.rows(4)
            last = stream.last
        assert last.endswith("/0:2,1:0")
        produce(1, 2)
        produce(0, 1)
        with game.stream(last=last) as stream:
            places = {(row["partition"], row["offset"]) for row in stream.rows(3)}
    assert places == {(1, 1), (1, 2), (0, 3)}


def test_readers_share_one_consumer_and_get_the_same(game: Playing) -> None:
    """Three readers are served by one thread and one client of librdkafka."""
    before = len(set(librdkafka_threads()))
    with game.stream() as one, game.stream() as two, game.stream() as three:
        for stream in (one, two, three):
            stream.until("snapshot")
        game.get("/")
        rows = [stream.rows(1)[0]["offset"] for stream in (one, two, three)]
        assert len(set(librdkafka_threads())) - before == 2  # the consumer, and the producer of the game
    assert rows == [0, 0, 0]


def test_one_reader_too_many_is_refused_until_another_goes(game: Playing) -> None:
    """It gets a 503 that says so, and a place as soon as there is one."""
    streams = [game.stream() for _ in range(3)]
    for stream in streams:
        stream.until("snapshot")
    with game.stream() as refused:
        assert (refused.response.status, refused.response.headers["Retry-After"]) == (503, "2")
    streams[0].__exit__()
    game.get("/")  # what is written next finds that nobody is there
    wait_until(lambda: game.feed.readers < 3, "the place is free")
    with game.stream() as admitted:
        assert admitted.response.status == 200
    for stream in streams[1:]:
        stream.__exit__()


def test_reader_that_takes_nothing_is_given_up(broker: Lease) -> None:
    """A client whose connection is open and full loses its place; the game and the other readers go on."""
    with playing(broker, GAME_LIVE_SENDING=3.0, GAME_LIVE_SECONDS=60.0) as game, stuck(game):
        wait_until(lambda: game.feed.readers == 1, "it reads")
        with game.stream(timeout=30) as quick:
            quick.until("snapshot")
            for _ in range(5_000):
                game.events.emit("sold", {"player": "ana", "text": "x" * 1_900})
            assert len(quick.rows(5_000)) == 5_000
            wait_until(lambda: game.feed.readers == 1, "the stuck one is given up", seconds=15)
        assert game.get("/join_guild") == b"\nGuild Joined!\n"


def stuck(game: Playing) -> socket.socket:
    """A client that asks for the stream and reads nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, _, port = game.address.removeprefix("http://").partition(":")
    client.connect((host, int(port)))
    client.sendall(b"GET /live/stream HTTP/1.1\r\nHost: game\r\n\r\n")
    return client


def test_outage_is_told_and_caught_up_with(game: Playing, broker: Lease) -> None:
    """With the broker down purchases are answered and wait; when it is back they come, in order, by themselves."""
    with game.stream(timeout=20) as stream:
        stream.until("snapshot")
        game.get("/")
        stream.rows(1)
        with faults.broker_down(broker):
            words = state_where(stream, answers=False)["broker"]["words"]
            assert words.startswith("Kafka is away. Purchases go on: ")
            for path in ("/purchase_a_sword", "/join_guild"):
                game.get(path, player="ana")
            while (state := stream.until("state").data)["ledger"]["pending"] < 2:
                pass
            assert "2 events wait" in state["broker"]["words"]
            assert state["broker"]["trouble"]
        rows = []
        for message in stream.messages():
            rows += [message.data["type"]] if message.name == "event" else []
            state = message.data if message.name == "state" else state
            if len(rows) == 2 and state["broker"]["answers"] and state["ledger"]["pending"] == 0:
                break
    assert rows == ["purchased_sword", "joined_guild"]
    assert (state["ledger"]["emitted"], state["ledger"]["delivered"]) == (3, 3)


def state_where(stream: Stream, *, answers: bool) -> dict[str, Any]:
    """The next state in which the broker answers, or doesn't."""
    while True:
        state: dict[str, Any] = stream.until("state").data
        if state["broker"]["answers"] is answers:
            return state


def test_killed_embedded_broker_is_another_topic(tmp_path: Path) -> None:
    """The next broker begins at offset 0 again: readers get a new beginning, in the same stream."""
    with (
        join(tmp_path, linger=0.3) as lease,
        playing(lease, tmp_path, KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded") as game,
        game.stream(timeout=30) as stream,
    ):
        stream.until("snapshot")
        game.get("/")
        stream.rows(1)
        os.kill(lease.pid, signal.SIGKILL)
        wait_until(lambda: not is_running(lease.pid), "it is dead")
        game.get("/join_guild")
        rows = stream.until("snapshot").data["rows"] or stream.rows(1)
        with join(tmp_path) as successor:  # it would stay for 5 s
            os.kill(successor.pid, signal.SIGKILL)
    assert [(row["type"], row["offset"]) for row in rows] == [("joined_guild", 0)]


def test_a_player_called_script_stays_a_name(game: Playing) -> None:
    """It travels as text in JSON, in a response that no browser takes for HTML."""
    with game.stream() as stream:
        stream.until("snapshot")
        game.get("/", player="<script>alert(1)</script>\n\ndata: {}")
        [row] = stream.rows(1)
        assert row["player"] == "<script>alert(1)</script>\n\ndata: {}"
        assert stream.response.headers["X-Content-Type-Options"] == "nosniff"


def test_page_loads_nothing_from_elsewhere(game: Playing) -> None:
    """No script or style is in it, every file is its own, and the policy says that there may be no other."""
    html = game.get("/live").decode()
    assert "<style" not in html
    assert " style=" not in html
    assert " on" not in html.replace(" on ", " ").replace(" one", " ")
    assert "://" not in html
    for name in ("live.css", "live.js", "connection.js", "live.svg"):
        assert game.get(f"/live/static/{name}")
    with urllib.request.urlopen(f"{game.address}/live", timeout=5) as answer:  # noqa: S310 - our own http address
        policy = answer.headers["Content-Security-Policy"]
    assert policy == HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_routes_of_the_game_keep_their_headers(game: Playing) -> None:
    """What the page needs is added to its own responses alone."""
    with urllib.request.urlopen(f"{game.address}/", timeout=5) as answer:  # noqa: S310 - our own http address
        assert "Content-Security-Policy" not in answer.headers


def test_server_without_threads_is_told(game: Playing) -> None:
    """A stream would be all that it serves: it answers 501 instead."""
    answer = game.app.test_client().get("/live/stream", environ_overrides={"wsgi.multithread": False})
    assert answer.status_code == 501
    assert "threads" in answer.text
    assert game.feed.readers == 0


def test_nothing_runs_before_the_first_reader(game: Playing) -> None:
    """The page itself starts no consumer: neither does making the app."""
    before = len(set(librdkafka_threads()))
    game.get("/live")
    assert len(set(librdkafka_threads())) == before


def test_forked_child_has_a_consumer_of_its_own(game: Playing) -> None:
    """It inherits no reader and no consumer, and reads what the parent reads."""
    game.get("/", player="ana")
    with game.stream() as stream:
        stream.until("snapshot")

        def read() -> tuple[int, int]:
            before = game.feed.readers
            backlog = game.feed.join()
            backlog.wait_until_begun(5)
            wait_until(lambda: b'"total":1' in backlog.snapshot()[0], "the event is read")
            game.feed.close()
            return before, game.feed.readers

        with faults.fork(game.app, read) as child:
            pass
        assert child.result == (0, 1)
        assert game.feed.readers == 1


def test_stream_ends_with_the_feed(game: Playing) -> None:
    """Readers are told, and later ones refused."""
    with game.stream() as stream:
        stream.until("snapshot")
        game.feed.end_soon()
        assert [message.name for message in stream.messages()][-1] == "bye"
    with game.stream() as late:
        assert late.response.status == 503
