"""A process's delivery that needs no broker: each event that would be sent goes on a tape, and is acknowledged at once."""

import sys
import threading
from collections import Counter
from contextvars import Context
from dataclasses import replace
from typing import Any, Final, Protocol

from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.keeping import MemoryKeeping
from flask_kafka_events.delivery.process import ProcessDelivery
from flask_kafka_events.delivery.shipment import CLOSED, Refusal, Settle, Shipment
from flask_kafka_events.event import Record
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.settings import Settings
from flask_kafka_events.testing.captured import CapturedEvent, read_event

UNREADABLE: Final = Refusal(
    dropped=False,
    reason="unreadable",
    explanation="No consumer could read it: its id, source, type or time is none that CloudEvents allows. A receiver of "
    "event_created made it by hand; return event.replace(...) there.",
)


class Listener(Protocol):
    """Hears of the events of a tape while it is on its list."""

    def heard(self, event: CapturedEvent) -> None:
        """An event was emitted."""

    def lost(self, loss: Loss) -> None:
        """An event came to nothing."""


class Tape:
    """What an app emits while somebody listens. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._offsets: Counter[str] = Counter()

    def add(self, listener: Listener) -> None:
        """Let it hear of everything from now on."""
        with self._lock:
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> bool:
        """Let it hear of nothing more; True where it was the last one."""
        with self._lock:
            self._listeners.remove(listener)
            return not self._listeners

    def record(self, record: Record) -> Delivery | Refusal:
        """Take what would be sent; its end, as a broker with one partition for each topic would tell it."""
        event = read_event(record)
        if event is None:
            return UNREADABLE
        with self._lock:
            for listener in self._listeners:
                listener.heard(event)
            offset = self._offsets[record.topic]
            self._offsets[record.topic] += 1
        return Delivery(topic=record.topic, partition=0, offset=offset)

    def lose(self, loss: Loss) -> None:
        """Take the loss of an event."""
        with self._lock:
            for listener in self._listeners:
                listener.lost(loss)


class TapedDelivery(ProcessDelivery):
    """One process's ledger and queue, before a tape.

    Args:
        tape: where events go.
        settings: the app's.
        parts: what else a `ProcessDelivery` takes.
    """

    def __init__(self, *, tape: Tape, settings: Settings, **parts: Any) -> None:
        limits = _in_memory(settings)
        super().__init__(settings=limits, **parts)
        self._keeping = self._poller.keeping = _TapedKeeping(
            settings=limits, gate=self._poller.gate, tape=tape, settle=self._settle
        )

    def start(self) -> None:
        """There is no producer to build."""


def _in_memory(settings: Settings) -> Settings:
    """What bounds the queue where a journal would bound it, without the journal."""
    if settings.journal is None:
        return settings
    return replace(settings, journal=None, queue_events=sys.maxsize, queue_bytes=settings.journal_max_bytes)


class _TapedKeeping(MemoryKeeping):
    def __init__(self, *, settings: Settings, gate: Gate, tape: Tape, settle: Settle) -> None:
        super().__init__(settings=settings, gate=gate)
        self._gate = gate
        self._tape = tape
        self._tell = settle
        self.accept = self._accept

    def settle(self, shipment: Shipment, end: Delivery | Refusal) -> Delivery | Refusal | None:
        """Give the place of a lost event back; one on the tape keeps its own, so that a test can fill the queue."""
        return end if isinstance(end, Delivery) else super().settle(shipment, end)

    def _accept(self, shipment: Shipment) -> Refusal | None:
        if self._gate.is_closed:
            return CLOSED
        end = self._tape.record(shipment.record)
        if isinstance(end, Refusal):
            return end
        # Receivers run outside any context, as in the poller's thread: current_app is as unbound there.
        Context().run(self._tell, shipment, end)
        return None
