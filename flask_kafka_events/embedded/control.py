"""What the embedded broker can be told, and how: one line of JSON each way over a Unix socket."""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec

from flask_kafka_events.errors import EmbeddedBrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINE = 16_384
SECONDS = 5.0

TopicName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}\Z")]
RequestKind: TypeAlias = Literal["Produce", "Fetch", "ListOffsets", "Metadata", "InitProducerId"]


def _verb(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class _Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag=_verb):
    """On the line, `{"do": "create_topic", "name": "orders"}` for example."""


class Ping(_Command, frozen=True, kw_only=True):
    """Answers that the broker lives, and keeps it for another linger."""


class CreateTopic(_Command, frozen=True, kw_only=True):
    """Makes a topic, unless there is one of that name."""

    name: TopicName
    # librdkafka allocates them at once and checks no bounds.
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Refuse(_Command, frozen=True, kw_only=True):
    """Answers the next requests of a kind with an error."""

    error: Annotated[str, msgspec.Meta(max_length=100)]
    n: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    request: RequestKind = "Produce"


class Accept(_Command, frozen=True, kw_only=True):
    """Forgets what is left of the refusals of a kind."""

    request: RequestKind = "Produce"


class FailTopic(_Command, frozen=True, kw_only=True):
    """Puts an error on a topic's metadata, or takes it away."""

    name: TopicName
    error: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class BrokerDown(_Command, frozen=True, kw_only=True):
    """Drops every connection and refuses new ones."""


class BrokerUp(_Command, frozen=True, kw_only=True):
    """Takes connections again, on the same port and with the same events."""


class RoundTrip(_Command, frozen=True, kw_only=True):
    """Delays every answer."""

    ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)]


Command: TypeAlias = Ping | CreateTopic | Refuse | Accept | FailTopic | BrokerDown | BrokerUp | RoundTrip


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of a command.

    Attributes:
        error: why it was not done; None if it was.
        created: whether `CreateTopic` made the topic.
        was_up: whether `BrokerDown` found the broker up.
        delay: milliseconds that `RoundTrip` found every answer delayed by.
    """

    error: str | None = None
    created: bool = False
    was_up: bool = False
    delay: int = 0


def parse(line: bytes) -> Command:
    """Read one line as a command.

    Raises:
        EmbeddedBrokerError: it is none; the message says which field is wrong.
    """
    try:
        command: Command = msgspec.json.decode(line, type=Command)
    # Not only msgspec's own: bytes that are no UTF-8 and arrays nested by the thousand raise Python's.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EmbeddedBrokerError(f"The embedded broker doesn't understand this command: {error}.") from error
    return command


def ask(path: str, command: Command, *, within: float = SECONDS) -> Answer:
    """Send a command to the broker that listens at `path`, and wait for its answer.

    Args:
        path: of the Unix socket.
        command: what to do.
        within: seconds.

    Raises:
        FileNotFoundError, ConnectionError: nobody listens there any more.
        TimeoutError: no answer in time.
    """
    deadline = time.monotonic() + within
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within)
        connection.connect(path)
        connection.sendall(msgspec.json.encode(command) + b"\n")
        return msgspec.json.decode(_read_line(connection, deadline), type=Answer)


def answer(
    connection: socket.socket, perform: Callable[[Command], Answer], *, within: float = SECONDS
) -> None:
    """Read one command from a connection, do it, answer and hang up, whatever comes.

    Args:
        connection: a client's; closed afterwards.
        perform: does a command, or raises EmbeddedBrokerError.
        within: seconds for the whole line, so that a client that trickles can't hold the broker.
    """
    with connection:
        try:
            line = _read_line(connection, time.monotonic() + within)
            connection.sendall(msgspec.json.encode(_answer_to(line, perform)) + b"\n")
        except OSError:
            # The client hung up, or took too long: it has nobody left to tell.
            return


def _answer_to(line: bytes, perform: Callable[[Command], Answer]) -> Answer:
    try:
        return perform(parse(line))
    except EmbeddedBrokerError as error:
        return Answer(error=str(error))


def _read_line(connection: socket.socket, deadline: float) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) <= MAX_LINE:
        # Never 0, which would mean "don't block" instead of "too late".
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = connection.recv(MAX_LINE)
        if not chunk:
            raise ConnectionResetError("The other end hung up in the middle of a line.")
        line += chunk
    return line
