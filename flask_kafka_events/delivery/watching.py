"""Who watches what becomes of one process's events: nobody, unless an extra is switched on."""

from typing import Protocol

from flask_kafka_events.event import Record
from flask_kafka_events.outcomes import Delivery, Loss


class Watcher(Protocol):
    """Is told each end, also of events that no signal tells of; raises nothing."""

    def delivered(self, record: Record, delivery: Delivery) -> None:
        """The broker has a record, which the ledger counts next; called in the poller's thread."""

    def lost(self, loss: Loss) -> None:
        """An event won't reach the broker, which the ledger counts next; called in any thread.

        What is lost by number alone, with a journal file, is in the ledger only.
        """

    def tick(self) -> None:
        """Called by the poller after each of its turns, about ten times a second and oftener under load."""

    def closed(self, deadline: float) -> None:
        """Called once all has its end that will have one in this process, or its time is over.

        What takes long is left at `deadline`, by `time.monotonic`.
        """
