"""Who may wait in the queue: its limits in events and bytes, and the half that one topic may hold."""

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from flask_kafka_events.turns import turns


class _Load(msgspec.Struct):
    events: int = 0
    size: int = 0


_NOTHING: Final = _Load()


class Fullness(msgspec.Struct, frozen=True):
    """How far a queue is from its limits.

    Attributes:
        share: how much of the nearest limit is taken, 1.0 for all of it.
        since_refusal: seconds since an event had no place; infinite where each had one.
    """

    share: float
    since_refusal: float


class Admission:
    """Counts what waits and refuses what is past a limit.

    No topic may hold more than half of either limit, so that one whose leader is down doesn't fill the queue for
    the healthy ones (measured: librdkafka alone then refuses every topic with "Queue full").

    Args:
        events: how many events may wait in all.
        size: how many bytes of keys, values and headers may wait in all.
    """

    def __init__(self, *, events: int, size: int) -> None:
        self._limits = _Load(events, size), _Load(max(1, events // 2), max(1, size // 2))
        self._limit, self._topic_limit = self._limits
        self._fillings = 0
        # Entered itself and not by the condition, whose own steps are Python's: a signal handler that raises between
        # two of them would leave it locked for ever (measured: 273 of 35,000 interrupted emits).
        self._lock = turns()
        self._freed = threading.Condition(self._lock)
        self._waiting = 0
        self._total = _Load()
        self._topics: dict[str, _Load] = {}
        self._refused_at = -math.inf

    def fullness(self) -> Fullness:
        """How full it is now."""
        with self._lock:
            shares = [_share(self._total, self._limit)]
            shares += [_share(load, self._topic_limit) for load in self._topics.values()]
            return Fullness(max(shares), time.monotonic() - self._refused_at)

    def load(self) -> tuple[int, int]:
        """How many events have a place, and how many bytes that is."""
        return self._total.events, self._total.size

    def enter(self, topic: str, size: int, timeout: float = 0.0) -> bool:
        """Take a place for `size` bytes to `topic`, waiting at most `timeout` seconds for one."""
        with self._lock:
            if not self._has_room(topic, size) and not self._wait_for_room(topic, size, timeout):
                self._refused_at = time.monotonic()
                return False
            self._add(topic, 1, size)
            return True

    def reserve(self, topic: str, size: int) -> "Reservation | None":
        """Take a place for an event of up to `size` bytes, or of as many as one topic may hold; None where there is none."""
        largest = min(size, self._topic_limit.size)
        return Reservation(self, topic, largest) if self.enter(topic, largest) else None

    def admit(self, topic: str, size: int, place: "Reservation | None", timeout: float) -> bool:
        """Whether an event has a place: the one reserved for it, or another within `timeout` seconds."""
        return (place is not None and place.use(topic, size)) or self.enter(topic, size, timeout)

    def leave(self, topic: str, size: int, *, events: int = 1) -> None:
        """Give a place back, or those of several events."""
        with self._lock:
            self._add(topic, -events, -size)
            if not self._topics[topic].events:
                del self._topics[topic]
            self._tell()

    def shrink(self, topic: str, by: int) -> None:
        """Give back `by` bytes of a place that turned out too large, and keep the place."""
        with self._lock:
            self._add(topic, 0, -by)
            self._tell()

    @contextmanager
    def filled(self) -> Iterator[None]:
        """While this lasts there is room for nobody, whatever leaves; places that were taken before are kept."""
        self._fill(1)
        try:
            yield
        finally:
            self._fill(-1)

    def is_filled(self) -> bool:
        """Whether `filled` lasts."""
        return self._fillings > 0

    def _fill(self, by: int) -> None:
        # By the limits themselves: a mark would be looked at by each emit.
        with self._lock:
            self._fillings += by
            self._limit, self._topic_limit = (_NOTHING, _NOTHING) if self._fillings else self._limits
            self._tell()

    def _add(self, topic: str, events: int, size: int) -> None:
        load, total = self._topics.get(topic), self._total
        if load is None:
            # At once: between a look and an entry a signal handler might enter its own.
            load = self._topics.setdefault(topic, _Load())
        load.events += events
        load.size += size
        total.events += events
        total.size += size

    def _wait_for_room(self, topic: str, size: int, timeout: float) -> bool:
        if timeout <= 0:
            return False
        self._waiting += 1
        try:
            return self._freed.wait_for(lambda: self._has_room(topic, size), timeout)
        finally:
            self._waiting -= 1

    def _tell(self) -> None:
        if self._waiting:
            self._freed.notify_all()

    def _has_room(self, topic: str, size: int) -> bool:
        load, limit = self._topics.get(topic, _NOTHING), self._topic_limit
        if load.events >= limit.events or load.size + size > limit.size:
            return False
        load, limit = self._total, self._limit
        return load.events < limit.events and load.size + size <= limit.size


def _share(load: _Load, limit: _Load) -> float:
    if limit is _NOTHING:
        return 1.0
    return max(load.events / limit.events, load.size / limit.size)


class Reservation:
    """A place taken before the event exists, by `KAFKA_EVENTS_ON_FULL = "raise"`; used or given back, once.

    Args:
        admission: where the place is taken.
        topic: where the event will go.
        size: bytes kept for it, the largest an event may have.
    """

    __slots__ = ("_admission", "_pid", "_size", "_topic")

    def __init__(self, admission: Admission, topic: str, size: int) -> None:
        self._admission: Admission | None = admission
        self._topic = topic
        self._size = size
        self._pid = os.getpid()

    def use(self, topic: str, size: int) -> bool:
        """Let an event have the place; False, and the place is given back, where it isn't for that event."""
        admission = self._taken()
        if admission is None:
            return False
        if topic != self._topic or size > self._size:
            admission.leave(self._topic, self._size)
            return False
        admission.shrink(topic, self._size - size)
        return True

    def give_back(self) -> None:
        """Give the place up, unless it was used or given back already."""
        admission = self._taken()
        if admission is not None:
            admission.leave(self._topic, self._size)

    def _taken(self) -> Admission | None:
        admission, self._admission = self._admission, None
        # In a process forked meanwhile the place is the parent's.
        return admission if self._pid == os.getpid() else None
