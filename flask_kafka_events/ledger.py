"""What became of every event of this process: counted, never guessed."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Protocol

from flask_kafka_events.turns import turns

#: Why events are counted as dropped that another process has taken and sends: no loss.
JOURNAL_TAKEN: Final = "journal_taken"
#: The attributes of `Stats` that count what never became an emitted event.
LEFT_OUT: Final = ("discarded", "vetoed", "sampled_out", "not_matching", "disabled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats:
    """One moment of the ledger.

    `emitted + adopted == delivered + failed + dropped + dead + pending` holds for every instance.

    Attributes:
        emitted: events this process was asked to send.
        adopted: events taken over from the journal of a process that ended; always 0 in memory mode.
        delivered: events the broker acknowledged.
        failed_by_reason: events that can't be made or that the broker refused, by reason
            (`"encoding"`, `"MSG_SIZE_TOO_LARGE"`, ...).
        dropped_by_reason: events given up before the broker had them, by reason (`"queue_full"`,
            `"closed"`, ...).
        dead: events that the broker refused for good and that the journal keeps as dead letters; always 0 in memory
            mode.
        pending: events accepted and not yet decided.
        discarded: drafts the user took back with `current_event.discard()`.
        vetoed: events that a receiver of `event_created` refused.
        sampled_out: events left out by a `sample` rate.
        not_matching: drafts whose outcome wasn't the one that `on=` asks for.
        disabled: events of an app or a type that is switched off.
        receiver_errors: exceptions raised by receivers of this package's signals.

    .. versionadded:: 0.1
    """

    # Each has a default: a file of counters by a version before it was there is read all the same.
    emitted: int = 0
    adopted: int = 0
    delivered: int = 0
    failed_by_reason: Mapping[str, int] = field(default_factory=dict)
    dropped_by_reason: Mapping[str, int] = field(default_factory=dict)
    dead: int = 0
    pending: int = 0
    discarded: int = 0
    vetoed: int = 0
    sampled_out: int = 0
    not_matching: int = 0
    disabled: int = 0
    receiver_errors: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The same of what JSON has: `{"emitted": 3, ..., "failed_by_reason": {"encoding": 1}, ...}`, by attribute."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}

    @property
    def failed(self) -> int:
        """How many events failed, for whatever reason."""
        return sum(self.failed_by_reason.values())

    @property
    def dropped(self) -> int:
        """How many events were dropped, for whatever reason."""
        return sum(self.dropped_by_reason.values())


class Entered(Protocol):
    """Something that knows whether it was counted as emitted."""

    is_entered: bool


class Ledger:
    """The counters of one process; any thread may write and read.

    Every event enters once and is settled once, each by one addition, and pending is what is left of them: so no reader
    sees the law broken, not even a signal handler that interrupts the thread which holds the (re-entrant) lock.
    """

    def __init__(self) -> None:
        self._lock = turns()
        self._settlement = threading.Condition(self._lock)
        self._waiting = 0
        self._emitted = 0
        self._adopted = 0
        self._delivered = 0
        self._dead = 0
        self._failed: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._apart: Counter[str] = Counter()
        self._last_lost: dict[str, float] = {}

    def enter(self, event: Entered | None = None) -> None:
        """Count an event as emitted, and mark it so; it is pending until one of the next four settles it."""
        with self._lock:  # no call in between, so that no signal handler comes between the two
            self._emitted += 1
            if event is not None:
                event.is_entered = True

    def adopt(self, count: int) -> None:
        """Count so many events as taken over from another process; they are pending as if emitted here."""
        with self._lock:
            self._adopted += count

    def deliver(self) -> None:
        """Settle an event that the broker acknowledged."""
        with self._lock:
            self._delivered += 1
            self._settled()

    def fail(self, reason: str, count: int = 1) -> None:
        """Settle an event, or several, that can't be made or was refused."""
        with self._lock:
            self._failed[reason] += count
            self._last_lost[reason] = time.monotonic()
            self._settled()

    def drop(self, reason: str, count: int = 1) -> None:
        """Settle an event, or several, given up before the broker had it."""
        with self._lock:
            self._dropped[reason] += count
            self._last_lost[reason] = time.monotonic()
            self._settled()

    def hand_over(self, count: int) -> None:
        """Settle events that another process has taken: dropped here, and not lost."""
        with self._lock:
            self._dropped[JOURNAL_TAKEN] += count
            self._settled()

    def bury(self) -> None:
        """Settle an event that was refused for good and is kept as a dead letter."""
        with self._lock:
            self._dead += 1
            self._settled()

    def set_apart(self, why: str) -> None:
        """Count what never became an emitted event: one of the attributes of `Stats` after `pending`."""
        with self._lock:
            self._apart[why] += 1

    def wait_settled(self, count: int, timeout: float) -> bool:
        """Wait until so many events in all are settled, at most `timeout` seconds; False if they aren't."""
        return self._wait_for(lambda: self.settled >= count, timeout)

    def wait_at_rest(self, timeout: float) -> bool:
        """Wait until nothing is pending, at most `timeout` seconds; False if something still is."""
        return self._wait_for(lambda: self.pending == 0, timeout)

    def lost_within(self, seconds: float) -> dict[str, int]:
        """The reasons for which events failed or were dropped so lately, with how many in all were."""
        since = time.monotonic() - seconds
        with self._lock:
            late = [reason for reason, moment in self._last_lost.items() if moment >= since]
            return {reason: self._failed[reason] + self._dropped[reason] for reason in late}

    @property
    def delivered(self) -> int:
        """Events that the broker acknowledged."""
        return self._delivered

    @property
    def entered(self) -> int:
        """Events this process was asked to send, by its own emits or by adoption."""
        with self._lock:
            return self._emitted + self._adopted

    @property
    def settled(self) -> int:
        """Events that have met their end."""
        with self._lock:
            return self.entered - self.pending

    @property
    def pending(self) -> int:
        """Events accepted and not yet decided."""
        with self._lock:
            lost = sum(self._failed.values()) + sum(self._dropped.values())
            return self.entered - self._delivered - lost - self._dead

    def read(self) -> Stats:
        """All counters of one moment."""
        with self._lock:
            return Stats(
                emitted=self._emitted,
                adopted=self._adopted,
                delivered=self._delivered,
                failed_by_reason=MappingProxyType(dict(self._failed)),
                dropped_by_reason=MappingProxyType(dict(self._dropped)),
                dead=self._dead,
                pending=self.pending,
                discarded=self._apart["discarded"],
                vetoed=self._apart["vetoed"],
                sampled_out=self._apart["sampled_out"],
                not_matching=self._apart["not_matching"],
                disabled=self._apart["disabled"],
                receiver_errors=self._apart["receiver_errors"],
            )

    def _wait_for(self, is_so: Callable[[], bool], timeout: float) -> bool:
        with self._lock:
            self._waiting += 1
            try:
                return self._settlement.wait_for(is_so, min(timeout, threading.TIMEOUT_MAX))
            finally:
                self._waiting -= 1

    def _settled(self) -> None:
        if self._waiting:
            self._settlement.notify_all()
