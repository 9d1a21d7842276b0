"""When the broker acknowledged the events that this process sent: the one time on their way that no record tells."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Any, Final

from flask import Flask

from flask_kafka_events import Delivery, Record, event_delivered
from flask_kafka_events.reading import ReadEvent

_MOST: Final = 2_000


class Acknowledgements:
    """Takes each acknowledgement from the thread that the library tells it in, and gives it to the feed's."""

    def __init__(self, app: Flask) -> None:
        # Appended to in the poller's thread and emptied in the feed's, neither of which waits for the other.
        self._told: deque[tuple[str, float]] = deque(maxlen=_MOST)
        self._known: OrderedDict[str, float] = OrderedDict()
        event_delivered.connect(self._delivered, sender=app)

    def _delivered(self, _app: Flask, *, record: Record, delivery: Delivery, **_: Any) -> None:
        del delivery
        self._told.append((record.id, time.time()))

    def collect(self) -> dict[str, float]:
        """Those that came since the last call, by the event's id."""
        new: dict[str, float] = {}
        while self._told:
            id_, moment = self._told.popleft()
            new[id_] = moment
        self._known.update(new)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return new

    def of(self, read: ReadEvent) -> float | None:
        """When an event was acknowledged, where this process sent it and the acknowledgement has come."""
        return None if read.event is None else self._known.get(read.event.id)
