"""Who watches what becomes of one process's events: nobody, unless an extra is switched on."""

from typing import Protocol

from flask_kafka_events.event import Record
from flask_kafka_events.outcomes import Delivery, Loss


class Watcher(Protocol):
    """Is told each end, also of events that no signal tells of; raises nothing."""

    def ended(self, end: Delivery | Loss, record: Record | None) -> None:
        """An event has met its end, which the ledger counts next.

        Called for a delivery in the poller's thread, for a loss in any. What is lost by number alone, with a journal
        file, is in the ledger only.

        Args:
            end: that.
            record: what was sent; None where it never came to that.
        """

    def tick(self) -> None:
        """Called by the poller after each of its turns, about ten times a second and oftener under load."""

    def closed(self) -> None:
        """Called once all has its end that will have one in this process, or its time is over."""
