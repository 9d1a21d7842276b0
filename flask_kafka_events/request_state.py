"""What is remembered of one request until it is decided: its drafts, its answer, its error."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from flask import Request, Response

from flask_kafka_events.bodies import BodyEnd
from flask_kafka_events.capture import RequestFacts
from flask_kafka_events.drafts import Draft
from flask_kafka_events.event import new_id

_NAME: Final = "_flask_kafka_events"


class RequestState:
    """Kept on the request object itself: it outlives nested contexts, and no two apps share one.

    Attributes:
        drafts: calls of decorated functions that ended and wait for the request's outcome.
        awaits_close: whether one of them waits for the end of the body.
        decided: whether that outcome is known and told; a draft that comes later is on its own.
        response: the last answer that `request_finished` told.
        body_end: the end of that answer's body, where a draft waits for it.
        error: the unhandled exception, if any.
        facts: what the request gives to its events, asked once, while it is at hand.
        rescue: decides what nobody decided, when the request is thrown away: a `teardown_request` of the app that raises
            keeps Flask from sending the signal.
    """

    __slots__ = (
        "_ordinals", "_started", "_trace", "awaits_close", "body_end", "decided", "drafts", "error", "facts", "rescue",
        "response",
    )  # fmt: skip

    def __init__(self, rescue: "Callable[[RequestState], None]") -> None:
        self.drafts: deque[Draft] = deque()
        self.awaits_close = self.decided = False
        self.response: Response | None = None
        self.body_end: BodyEnd | None = None
        self.error: BaseException | None = None
        self.facts: RequestFacts | None = None
        self.rescue = rescue
        self._ordinals: dict[str, Iterator[int]] = {}
        self._started = time.perf_counter_ns()
        self._trace: str | None = None

    def __del__(self) -> None:
        if not self.decided and (self.drafts or self.facts is not None):
            self.rescue(self)

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
        """Each draft once, whichever thread asks: popleft is atomic. What isn't asked for any more stays for others."""
        while self.drafts:
            try:
                draft = self.drafts.popleft()
            except IndexError:  # another thread has just taken it
                return
            yield draft

    def ordinal(self, type: str) -> int:
        """Which event of this type the next one is, from 0; each number once, whichever threads ask."""
        return next(self._ordinals.setdefault(type, itertools.count()))


def known_state(request: Request) -> RequestState | None:
    """What is remembered of a request, None where nothing is."""
    return vars(request).get(_NAME)


def new_state(request: Request, rescue: Callable[[RequestState], None]) -> RequestState:
    """What is remembered of a request from now on, of which nothing was: of two threads that ask, the first one's."""
    state: RequestState = vars(request).setdefault(_NAME, RequestState(rescue))
    return state
