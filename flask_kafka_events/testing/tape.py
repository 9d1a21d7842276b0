"""A process's delivery that needs no broker: each event that would be sent goes on a tape, and is acknowledged at once."""

import sys
import threading
from collections import Counter
from collections.abc import Collection
from contextvars import Context
from dataclasses import replace
from typing import Any, Final

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


class Heard:
    """What was on a tape while somebody listened.

    Attributes:
        events: those that were emitted, in order.
        losses: those that came to nothing, in order.
        mistakes: those of them that can't be made, as far as no test has said that it means them.
    """

    def __init__(self) -> None:
        self.events: list[CapturedEvent] = []
        self.losses: list[Loss] = []
        self.mistakes: list[Loss] = []

    def lose(self, loss: Loss) -> None:
        """Take the loss of an event."""
        self.losses.append(loss)
        if not loss.dropped:
            self.mistakes.append(loss)

    def pardon(self, losses: Collection[Loss]) -> None:
        """These are meant."""
        self.mistakes[:] = [each for each in self.mistakes if each not in losses]

    def forget(self) -> None:
        """Begin anew."""
        for each in (self.events, self.losses, self.mistakes):
            each.clear()


class Tape:
    """What an app emits while somebody listens. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: list[Heard] = []
        self._offsets: Counter[str] = Counter()

    def add(self, listener: Heard) -> None:
        """Let it have everything from now on."""
        with self._lock:
            self._listeners.append(listener)

    def remove(self, listener: Heard) -> bool:
        """Let it have nothing more; True where it was the last one."""
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
                listener.events.append(event)
            offset = self._offsets[record.topic]
            self._offsets[record.topic] += 1
        return Delivery(topic=record.topic, partition=0, offset=offset)

    def lose(self, loss: Loss) -> None:
        """Take the loss of an event."""
        with self._lock:
            for listener in self._listeners:
                listener.lose(loss)

    def pardon(self, losses: Collection[Loss]) -> None:
        """These are meant, whoever listens."""
        with self._lock:
            for listener in self._listeners:
                listener.pardon(losses)


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
        self.poller.keeping = _TapedKeeping(
            settings=limits, gate=self.poller.gate, tape=tape, settle=self._settle
        )
        self._use(self.poller.keeping)

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
