"""What this process makes dead letters of, and how much of it there may be."""

import sys

from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.shipment import Origin, Refusal, Shipment
from flask_kafka_events.delivery.source import Source


class DeadLetters:
    """Records that were refused for good, on their way into a journal file that keeps them for a person.

    Args:
        limit: how many bytes of them may be kept.
        memory: bounds what waits in memory while the file can't be written.
    """

    def __init__(self, *, limit: int, memory: Admission) -> None:
        self._kept = Admission(events=sys.maxsize, size=limit)
        self._memory = memory

    def take(self, shipment: Shipment, source: Origin, refusal: Refusal) -> bool:
        """Have the file that a record is in keep it as a dead letter; False where there is no room."""
        if not self._kept.enter(shipment.record.topic, shipment.record.size):
            return False
        source.bury(shipment, refusal)
        return True

    def take_unsent(self, shipment: Shipment, source: Source, refusal: Refusal) -> Refusal | None:
        """Have a file keep a record that was never in it; its end, None where that comes only once the file is written."""
        topic, size = shipment.record.topic, shipment.record.size
        if not self._kept.enter(topic, size):
            return refusal
        if not self._memory.enter(topic, size):
            self._kept.leave(topic, size)
            return refusal
        shipment.kept_in = "memory"
        if not source.bury_unsent(shipment, refusal):
            return self.end(shipment, refusal)
        source.flush()
        end = source.settled.end_of(shipment)
        return None if end is None else self.end(shipment, end)

    def end(self, letter: Shipment, refusal: Refusal) -> Refusal:
        """Give back what a letter has taken and doesn't need any more; the same refusal."""
        topic, size = letter.record.topic, letter.record.size
        if letter.kept_in == "memory":
            self._memory.leave(topic, size)
        if not refusal.dead:
            self._kept.leave(topic, size)
        return refusal

    def forget_lost(self, source: Source) -> int:
        """Give back what those took that a source's new file lacks; returns how many they are."""
        lost = source.settled.lost_letters()
        for each in lost:
            self._kept.leave(each.topic, each.size, events=each.records)
        return sum(each.records for each in lost)
