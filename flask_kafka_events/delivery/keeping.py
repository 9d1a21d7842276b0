"""Where accepted records are until their end: in memory, or (`journaling`) on disk too."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from flask_kafka_events.delivery.admission import Admission, Fullness, Reservation
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.shipment import Ended, Moved, Refusal, Shipment
from flask_kafka_events.outcomes import Delivery
from flask_kafka_events.settings import Settings


class Loads(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept at one moment.

    Attributes:
        queue: how many events have a place in memory, and how many bytes that is; with a journal those that couldn't be
            written.
        journal: how many of its own a process keeps in its journal, and their bytes; None without one.
        files: bytes on disk of the journal files that it has, its own and those it adopted.
    """

    queue: tuple[int, int]
    journal: tuple[int, int] | None = None
    files: int = 0


class Keeping(Protocol):
    """Keeps what an emit was told is safe, and says what becomes of it."""

    @property
    def outlives_the_process(self) -> bool:
        """Whether what is kept is sent by another process if this one can't."""

    def reserve(self, topic: str) -> Reservation | None:
        """Take a place for one event of any allowed size; None where there is none."""

    def admit(self, topic: str, size: int, place: Reservation | None, timeout: float) -> bool:
        """Take a record's place, or the one reserved for it, waiting at most `timeout` seconds for it."""

    def is_filled(self) -> bool:
        """Whether `filled` lasts."""

    def filled(self) -> AbstractContextManager[None]:
        """While this lasts there is a place for no further record, and every `reserve` and `admit` is refused."""

    def accept(self, shipment: Shipment) -> Refusal | None:
        """Keep an admitted shipment and hand it on in its turn; the refusal says why it will never be sent."""

    def settle(self, shipment: Shipment, end: Delivery | Refusal) -> Delivery | Refusal | None:
        """Let go of a shipment that was accepted or refused; the end that is told, None where it is still kept."""

    def refuse(self, shipment: Shipment, refusal: Refusal) -> Refusal | None:
        """What becomes of a shipment that can't even be admitted; None where the poller hears of it later."""

    def refill(self) -> Moved:
        """Called by the poller while it has a producer: hand on what waits elsewhere."""

    def tick(self) -> list[Ended]:
        """Called by the poller after each of its turns; returns what has its end by now."""

    def adopt(self) -> int:
        """Take over what dead processes left, a part of it at least; returns how many records that is."""

    def may_adopt_more(self) -> bool:
        """Whether there may be more, for which there was no room yet."""

    def held(self) -> int:
        """How many records wait elsewhere than at the gate."""

    def loads(self) -> Loads:
        """How much is kept, and where; any thread may ask."""

    def fullness(self) -> Mapping[str, Fullness]:
        """How full is what bounds the records that wait, by its name: `"queue"`, `"journal"`."""

    def trouble(self) -> str:
        """Why records can't be kept on disk just now, with the next step; empty where they can, or needn't."""

    def close(self) -> list[Ended]:
        """Called by the poller at its end; returns what it still holds and nobody else will send."""


class MemoryKeeping:
    """Keeps records in librdkafka's queue alone, up to `KAFKA_EVENTS_QUEUE_EVENTS` and `QUEUE_BYTES`."""

    outlives_the_process = False

    def __init__(self, *, settings: Settings, gate: Gate) -> None:
        self._settings = settings
        self._admission = Admission(events=settings.queue_events, size=settings.queue_bytes)
        # Themselves, and not methods around them: each emit calls `admit` and `accept`.
        self.admit = self._admission.admit
        self.filled, self.is_filled = self._admission.filled, self._admission.is_filled
        self.accept = gate.accept

    def reserve(self, topic: str) -> Reservation | None:
        """Take a place for one event of any allowed size; None where there is none."""
        return self._admission.reserve(topic, self._settings.max_event_bytes)

    def settle(self, shipment: Shipment, end: Delivery | Refusal) -> Delivery | Refusal | None:
        """Give the shipment's place back."""
        self._admission.leave(shipment.record.topic, shipment.record.size)
        return end

    def refuse(self, _shipment: Shipment, refusal: Refusal) -> Refusal:
        """Nothing is kept of it."""
        return refusal

    def refill(self) -> Moved:
        """Nothing waits elsewhere."""
        return 0, []

    def tick(self) -> list[Ended]:
        """There is nothing to do."""
        return []

    def adopt(self) -> int:
        """A dead process leaves nothing."""
        return 0

    def may_adopt_more(self) -> bool:
        """Nor does any other."""
        return False

    def held(self) -> int:
        """Nothing waits elsewhere."""
        return 0

    def loads(self) -> Loads:
        """All is in memory."""
        return Loads(queue=self._admission.load())

    def fullness(self) -> Mapping[str, Fullness]:
        """How full the queue is."""
        return {"queue": self._admission.fullness()}

    def trouble(self) -> str:
        """There is no disk."""
        return ""

    def close(self) -> list[Ended]:
        """There is nothing to close."""
        return []
