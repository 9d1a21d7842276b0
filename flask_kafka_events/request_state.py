"""What is remembered of one request until it is decided: its drafts, its answer, its error."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from flask import Request, Response

from flask_kafka_events.drafts import Draft
from flask_kafka_events.event import new_id

_NAME: Final = "_flask_kafka_events"


class RequestState:
    """Kept on the request object itself: it outlives nested contexts, and no two apps share one.

    Attributes:
        drafts: calls of decorated functions that ended and wait for the request's outcome.
        decided: whether that outcome is known and told; a draft that comes later is on its own.
        response: the last answer that `request_finished` told.
        error: the unhandled exception, if any.
        broken: what ended the body before its end, if anything.
        counts: how many events of each type there were, for the ordinal of a derived id.
    """

    __slots__ = ("_started", "_trace", "broken", "counts", "decided", "drafts", "error", "response")

    def __init__(self) -> None:
        self.drafts: deque[Draft] = deque()
        self.decided = False
        self.response: Response | None = None
        self.error: BaseException | None = None
        self.broken: BaseException | None = None
        self.counts: Counter[str] = Counter()
        self._started = time.perf_counter_ns()
        self._trace: str | None = None

    @property
    def trace(self) -> str:
        """What sampling goes by where the request names no trace: all its events stay together."""
        if self._trace is None:
            self._trace = new_id()
        return self._trace

    def seconds(self) -> float:
        """How long ago the request began."""
        return (time.perf_counter_ns() - self._started) / 1e9

    def take(self) -> Iterator[Draft]:
        """Each draft once, whichever thread asks: popleft is atomic."""
        while True:
            try:
                yield self.drafts.popleft()
            except IndexError:
                return

    def ordinal(self, type: str) -> int:
        """Which event of this type the next one is, from 0."""
        self.counts[type] += 1
        return self.counts[type] - 1


def known_state(request: Request) -> RequestState | None:
    """What is remembered of a request, None where nothing is."""
    return vars(request).get(_NAME)


def state_of(request: Request) -> RequestState:
    """What is remembered of a request, from now on."""
    state: RequestState = vars(request).setdefault(_NAME, RequestState())
    return state
