"""What one process has read of the topic lately: readers follow it, each at its own place.

No reader has a queue. The backlog keeps the last events, bounded by number and bytes, and a reader is a place in it: one
that is so slow that its place is gone is dropped, and costs nobody memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import compress, count, islice
from types import MappingProxyType
from typing import Any, Final

import msgspec

from examples.game_api.live.news import Message, News, ReaderTooSlow
from examples.game_api.live.position import Position
from examples.game_api.live.row import Row
from examples.game_api.live.tally import Tally

MOST_EVENTS: Final = 10_000
MOST_BYTES: Final = 16 * 1024 * 1024
#: How many rows a page gets that begins.
ROWS: Final = 100
#: How many messages a reader gets at once: as much as a slow line takes in the seconds that it has for it.
BATCH: Final = 50


class Backlog:
    """The last events of one life of the topic, and what became of them."""

    def __init__(self, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._limits = (most_events, most_bytes)
        self._changed = threading.Condition()
        self._state = (0, b"{}")
        self._has_ended = False
        self._stops: Mapping[int, int] | None = None
        self._first = 0
        self._begin("", {})

    @property
    def topic(self) -> str:
        """Which life of the topic this is; empty before it has begun."""
        return self._topic

    def begin(
        self, topic: str, starts: Mapping[int, int], stops: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        """Forget all: from here on it is this life of the topic.

        Args:
            topic: its name.
            starts: the offsets that it is read from, by partition.
            stops: those of the next events; what lies between is there already.
        """
        with self._changed:
            self._begin(topic, starts)
            self._stops = stops
            self._changed.notify_all()

    def wait_until_begun(self, timeout: float) -> None:
        """Wait until what was there is read, at most `timeout` seconds: the broker may be away."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or self._has_begun(), timeout)

    def _has_begun(self) -> bool:
        if self._stops is None:
            return False
        return all(self._read.get(partition, -1) >= stop - 1 for partition, stop in self._stops.items())

    def _begin(self, topic: str, starts: Mapping[int, int]) -> None:
        # Whoever has a place here has lost it, and comes again.
        self._first += len(getattr(self, "_messages", ())) + 1
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._topic = topic
        self._starts = dict(starts)
        self._gone = {partition: start - 1 for partition, start in starts.items()}
        self._read = dict(self._gone)
        self._rows: deque[Row] = deque(maxlen=ROWS)
        self._tally = Tally()

    def widen(self, starts: Mapping[int, int]) -> None:
        """Further partitions are read, from these offsets on."""
        with self._changed:
            self._starts.update(starts)
            before = {partition: start - 1 for partition, start in starts.items()}
            self._gone.update(before)
            self._read.update(before)

    def is_repeated(self, row: Row) -> bool:
        """Whether an offset comes once more: then the topic was deleted and made anew."""
        return bool(row["offset"] <= self._read[row["partition"]])

    def extend(self, rows: Iterable[Row], acknowledged: Mapping[str, float]) -> None:
        """Add events, and when the broker acknowledged those that are here already (by id)."""
        with self._changed:
            self._acknowledge(acknowledged)
            for row in rows:
                place = row["partition"], row["offset"]
                self._add(Message(name="event", data=msgspec.json.encode(row), place=place))
                self._read[row["partition"]] = row["offset"]
                self._rows.append(row)
                self._tally.count(row["type"], row["player"])
            self._changed.notify_all()

    def _acknowledge(self, acknowledged: Mapping[str, float]) -> None:
        late = [row for row in self._rows if row["id"] in acknowledged]
        for row in late:
            row["acknowledged"] = acknowledged[row["id"]]
        if late:
            told = {row["id"]: row["acknowledged"] for row in late}
            self._add(Message(name="acknowledged", data=msgspec.json.encode(told)))

    def _add(self, message: Message) -> None:
        most_events, most_bytes = self._limits
        self._messages.append(message)
        self._bytes += len(message.data)
        while len(self._messages) > most_events or self._bytes > most_bytes:
            oldest = self._messages.popleft()
            self._first += 1
            self._bytes -= len(oldest.data)
            if oldest.place is not None:
                self._gone[oldest.place[0]] = oldest.place[1]

    def tell(self, state: bytes) -> None:
        """Say how broker and ledger are, if it is another thing than before."""
        with self._changed:
            version, before = self._state
            if state != before:
                self._state = (version + 1, state)
                self._changed.notify_all()

    def end(self) -> None:
        """Let every reader go."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def snapshot(self) -> tuple[bytes, Position, int]:
        """All that a page needs to begin, as JSON; how far it goes, and the place behind it."""
        with self._changed:
            told: dict[str, Any] = {
                "tally": self._tally.told(),
                "since": sorted(self._starts.items()),
                "rows": list(self._rows),
            }
            read = {partition: offset for partition, offset in self._read.items() if offset >= 0}
            position = Position(topic=self._topic, offsets=read)
            return msgspec.json.encode(told), position, self._first + len(self._messages)

    def resume(self, position: Position, *, patience: float = 3.0) -> int | None:
        """The place from which a reader misses nothing, or None where there is none.

        Args:
            position: how far it has read, here or in another process.
            patience: seconds that this process gets to read as far: another one may be ahead of it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or not self._lags(position), patience)
            if position.topic != self._topic or not self._keeps(position) or self._lags(position):
                return None
            is_missing = (
                each.place is not None and each.place[1] > position.offsets.get(each.place[0], -1)
                for each in self._messages
            )
            return self._first + next(compress(count(), is_missing), len(self._messages))

    def acknowledged(self) -> bytes:
        """When the latest events were acknowledged, by id, as JSON: a reader that resumes may have missed it."""
        with self._changed:
            known = {row["id"]: row["acknowledged"] for row in self._rows if row["acknowledged"] is not None}
            return msgspec.json.encode(known)

    def _lags(self, position: Position) -> bool:
        return position.topic == self._topic and not self._has_read(position)

    def _keeps(self, position: Position) -> bool:
        return all(gone <= position.offsets.get(partition, -1) for partition, gone in self._gone.items())

    def _has_read(self, position: Position) -> bool:
        return all(offset <= self._read.get(partition, -1) for partition, offset in position.offsets.items())

    def news(self, cursor: int, version: int, *, timeout: float) -> News:
        """Wait for something that a reader hasn't had.

        Args:
            cursor: its place.
            version: of the state that it had last; 0 for none.
            timeout: seconds.

        Raises:
            ReaderTooSlow: what it would need is gone.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_news(cursor, version), timeout)
            if cursor < self._first:
                raise ReaderTooSlow
            begin = cursor - self._first
            messages = list(islice(self._messages, begin, begin + BATCH))
            now, state = self._state
            return News(
                messages=messages,
                cursor=cursor + len(messages),
                state=state if now != version else None,
                version=now,
                has_ended=self._has_ended,
            )

    def _has_news(self, cursor: int, version: int) -> bool:
        return self._has_ended or self._state[0] != version or cursor < self._first + len(self._messages)
