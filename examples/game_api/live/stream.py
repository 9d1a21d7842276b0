"""Server-sent events: what one reader of the page gets, from its first byte to its last.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from examples.game_api.live.backlog import Backlog
from examples.game_api.live.news import Message, ReaderTooSlow
from examples.game_api.live.position import Position

#: Milliseconds after which a browser comes again.
_RETRY: Final = 300
#: Seconds that a process which has just begun to read gets to know what there is.
_BEGIN: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long a stream lasts and how often it shows a sign of life, in seconds.

    A stream ends by itself and the browser comes again, so that a server that restarts never waits for long: gunicorn
    gives its requests 30 s, and by `--max-requests` it ends without a signal.
    """

    life: float = 25.0
    heartbeat: float = 10.0


def stream(backlog: Backlog, after: Position | None, pace: Pace) -> Iterator[bytes]:
    """What a reader gets.

    Args:
        backlog: this process's.
        after: how far it has read; None where it begins.
        pace: how long the stream lasts.
    """
    deadline = time.monotonic() + pace.life
    yield b"retry: %d\n\n" % _RETRY
    backlog.wait_until_begun(_BEGIN)
    reader = Reader(backlog)
    yield reader.begin(after)
    while (left := deadline - time.monotonic()) > 0:
        try:
            yield reader.next(min(left, pace.heartbeat))
        except ReaderTooSlow:
            if reader.topic == backlog.topic:
                yield sse("dropped", b"{}")
                return
            yield reader.begin(None)  # it isn't slow: the topic is another one
        if reader.has_ended:
            break
    yield sse("bye", b"{}")


def sse(name: str, data: bytes, position: Position | None = None) -> bytes:
    """One message; `data` is JSON, which has no line breaks."""
    place = b"" if position is None else b"id: %s\n" % str(position).encode()
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), place, data)


class Reader:
    """One reader's place in the backlog.

    Attributes:
        topic: which life of the topic it reads.
        has_ended: whether it has all that there will be.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._offsets: dict[int, int] = {}
        self._cursor = 0
        self._version = 0
        self.topic = ""
        self.has_ended = False

    def begin(self, after: Position | None) -> bytes:
        """Take up where it was, or begin with all that the page needs."""
        cursor = None if after is None else self._backlog.resume(after)
        if cursor is None or after is None:
            snapshot, after, cursor = self._backlog.snapshot()
            first = sse("snapshot", snapshot, after)
        else:
            first = sse("acknowledged", self._backlog.acknowledged())
        self.topic, self._offsets, self._cursor = after.topic, dict(after.offsets), cursor
        return first

    def next(self, timeout: float) -> bytes:
        """What is new; after `timeout` seconds without anything a sign of life.

        Raises:
            ReaderTooSlow: what would be next is gone.
        """
        news = self._backlog.news(self._cursor, self._version, timeout=timeout)
        self._cursor, self._version, self.has_ended = news.cursor, news.version, news.has_ended
        chunk = b"".join(map(self._message, news.messages))
        if news.state is not None:
            chunk += sse("state", news.state)
        return chunk or b": still here\n\n"

    def _message(self, message: Message) -> bytes:
        if message.place is None:
            return sse(message.name, message.data)
        partition, offset = message.place
        if offset <= self._offsets.get(partition, -1):
            return b""
        self._offsets[partition] = offset
        return sse(message.name, message.data, Position(topic=self.topic, offsets=self._offsets))
