"""The control socket's line protocol."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.embedded.control import (
    MAX_LINE,
    Accept,
    Answer,
    BrokerDown,
    BrokerUp,
    Command,
    CreateTopic,
    FailTopic,
    Ping,
    Refuse,
    RoundTrip,
    answer,
    ask,
    parse,
)
from flask_kafka_events.errors import EmbeddedBrokerError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,249}", fullmatch=True)
KINDS = st.sampled_from(("Produce", "Fetch", "ListOffsets", "Metadata", "InitProducerId"))
ERRORS = st.text(max_size=100)
COMMANDS = st.one_of(
    st.just(Ping()),
    st.builds(CreateTopic, name=NAMES, partitions=st.integers(1, 1000)),
    st.builds(Refuse, error=ERRORS, n=st.integers(1, 10_000), request=KINDS),
    st.builds(Accept, request=KINDS),
    st.builds(FailTopic, name=NAMES, error=st.none() | ERRORS),
    st.just(BrokerDown()),
    st.just(BrokerUp()),
    st.builds(RoundTrip, ms=st.integers(0, 600_000)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("do"), inner),
    max_leaves=10,
)


@given(command=COMMANDS)
def test_every_command_survives_the_line(command: Command) -> None:
    """A command that was written as a line is read as the same command."""
    assert parse(msgspec.json.encode(command)) == command


@given(
    given_answer=st.builds(
        Answer,
        error=st.none() | st.text(),
        created=st.booleans(),
        was_up=st.booleans(),
        delay=st.integers(0, 600_000),
    )
)
def test_every_answer_survives_the_line(given_answer: Answer) -> None:
    """An answer that was written as a line is read as the same answer."""
    assert msgspec.json.decode(msgspec.json.encode(given_answer), type=Answer) == given_answer


@given(line=st.binary() | JSON.map(msgspec.json.encode))
def test_no_line_escapes_the_parser(line: bytes) -> None:
    """Whatever is on the line, it is a command or gets the error that says why not."""
    try:
        command = parse(line)
    except EmbeddedBrokerError:
        return
    assert parse(msgspec.json.encode(command)) == command


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "truncated"),
        (b"\xff", "malformed"),
        (b'{"do": "\xff"}', "utf-8"),
        (b"[]", "Expected `object`"),
        (b'{"x": ' + b"[" * 200_000, "recursion"),
        (b'{"do": "format_disk"}', "Invalid value 'format_disk'"),
        (b'{"do": "ping", "loudly": true}', "unknown field `loudly`"),
        (b'{"do": "create_topic"}', "missing required field `name`"),
        (b'{"do": "create_topic", "name": ".."}', "`$.name`"),
        (b'{"do": "create_topic", "name": "a\\n"}', "`$.name`"),
        (b'{"do": "create_topic", "name": "a/b"}', "`$.name`"),
        (b'{"do": "create_topic", "name": "a", "partitions": 0}', "`$.partitions`"),
        (b'{"do": "create_topic", "name": "a", "partitions": 1001}', "`$.partitions`"),
        (b'{"do": "refuse", "error": "X", "n": 0}', "`$.n`"),
        (b'{"do": "refuse", "error": "X", "request": "Order"}', "`$.request`"),
        (b'{"do": "round_trip", "ms": -1}', "`$.ms`"),
    ],
)
def test_a_wrong_line_is_told_what_is_wrong(line: bytes, reason: str) -> None:
    """A line that is no command gets an error that names what is wrong with it."""
    with pytest.raises(EmbeddedBrokerError, match="doesn't understand this command") as caught:
        parse(line)
    assert reason in str(caught.value)


def exchange(sent: bytes, *, within: float = 5.0) -> bytes:
    """What a server that knows only pings answers to these bytes."""
    client, server = socket.socketpair()
    with client:
        client.sendall(sent)
        answer(server, lambda command: Answer(created=isinstance(command, Ping)), within=within)
        received = b""
        while chunk := client.recv(MAX_LINE):
            received += chunk
        return received


def test_a_command_gets_one_line_and_the_end() -> None:
    """A command is answered by one line of JSON, after which the server hangs up."""
    assert exchange(b'{"do": "ping"}\n') == b'{"created":true}\n'


def test_a_line_without_end_is_cut() -> None:
    """A line longer than the limit is answered with an error instead of being kept in memory."""
    assert exchange(b"x" * (MAX_LINE + 1)).startswith(b'{"error":"The embedded broker doesn\'t understand')


def test_a_slow_client_is_left() -> None:
    """A client that sends no whole line in time is left without an answer."""
    assert exchange(b'{"do":', within=0.05) == b""


def test_a_client_that_hangs_up_is_left() -> None:
    """A client that hangs up in the middle of its line harms nobody."""
    client, server = socket.socketpair()
    client.close()
    answer(server, lambda _: Answer())
    assert server.fileno() == -1


def test_ask_brings_the_answer(tmp_path: Path) -> None:
    """A question to a listening socket returns what became of the command."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            answer(connection, lambda _: Answer(error="not today"))

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask(str(path), Ping()) == Answer(error="not today")
        thread.join()


def test_ask_where_nobody_listens(tmp_path: Path) -> None:
    """A question to a socket that isn't there fails at once."""
    with pytest.raises(FileNotFoundError):
        ask(str(tmp_path / "s"), Ping())


def test_ask_where_nobody_answers(tmp_path: Path) -> None:
    """A question to a socket whose owner is stuck ends after the time given."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(TimeoutError):
            ask(str(path), Ping(), within=0.05)
