"""A process's events followed from their records to their ends, where somebody asked for that."""

from collections.abc import Callable
from typing import Any, Protocol

from flask_kafka_events.delivery.process import ProcessDelivery
from flask_kafka_events.delivery.shipment import Announce
from flask_kafka_events.event import Event, Record
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.outcomes import Delivery, Loss


class Follower(Protocol):
    """Sees each event that is sent; raises nothing."""

    def writing(self, write: Callable[[Event], Record]) -> Callable[[Event], Record]:
        """What writes records in place of `write`, one of the formats."""

    def ended(self, end: Delivery | Loss, record: Record | None) -> None:
        """An event has met its end; its record is None where there never was one."""

    def closed(self) -> None:
        """Nothing more is heard in this process of events that have no end yet: another one sends them."""


class FollowedDelivery(ProcessDelivery):
    """Tells a follower each end, before any receiver and also where no signal is sent.

    Args:
        follower: told of it.
        announce: tells the app.
        parts: the others of `ProcessDelivery`.
    """

    def __init__(self, *, follower: Follower, announce: Announce, **parts: Any) -> None:
        def tell(
            ledger: Ledger,
            end: Delivery | Loss,
            *,
            emitted_in: frozenset[str] = frozenset(),
            record: Record | None = None,
        ) -> None:
            follower.ended(end, record if isinstance(end, Delivery) else end.record)
            announce(ledger, end, emitted_in=emitted_in, record=record)

        super().__init__(announce=tell, **parts)
        self._follower = follower

    def stop(self, timeout: float) -> bool:
        """`ProcessDelivery.stop`, and the follower is told."""
        try:
            return super().stop(timeout)
        finally:
            self._follower.closed()


def has_begun(delivery: ProcessDelivery) -> bool:
    """Whether it has had events, or a producer: then another can't take its place any more."""
    return delivery._is_started or delivery.ledger.entered > 0
