"""The spans of events that are on their way."""

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.trace import Span

#: Spans of a process that wait for their events' ends; each holds about 3.5 KB (measured), and an outage may last for hours.
MAX_OPEN: Final = 10_000


class OpenSpans:
    """One process's spans whose events are on their way, by the events' ids; any thread may use it."""

    def __init__(self) -> None:
        # Re-entrant: a signal handler that emits may interrupt the thread that holds it.
        self._lock = threading.RLock()
        self._spans: dict[str, list[Span]] = {}
        self._count = 0

    def add(self, id: str, span: "Span") -> bool:
        """Keep a span until its event's end; False where there are too many."""
        with self._lock:
            has_room = self._count < MAX_OPEN
            if has_room:
                # Several: an idempotency key gives an event that is repeated the same id.
                self._spans.setdefault(id, []).append(span)
                self._count += 1
            return has_room

    def take(self, id: str) -> "Span | None":
        """The span of an event that has met its end, of several with that id the first; None where none is kept."""
        with self._lock:
            spans = self._spans.get(id)
            if spans is None:
                return None
            self._count -= 1
            if len(spans) == 1:
                del self._spans[id]
            return spans.pop(0)

    def take_all(self) -> "list[Span]":
        """Those of all events that have none."""
        with self._lock:
            spans = [span for each in self._spans.values() for span in each]
            self._spans.clear()
            self._count = 0
            return spans
