"""Shipments of several threads that are written to a journal file together."""

from dataclasses import dataclass, field

from flask_kafka_events.delivery.shipment import Shipment


@dataclass(slots=True, eq=False)
class Transaction:
    """Takes shipments until one of their threads writes them all; who comes while it does is in the next one.

    Attributes:
        shipments: in the order of their places in the file.
        is_over: whether they are written, or failed to be.
    """

    shipments: list[Shipment] = field(default_factory=list)
    is_over: bool = False

    def waiting(self, topic: str) -> int:
        """How many of a topic's shipments will wait in the file for their turn."""
        return sum(not each.at_once and each.record.topic == topic for each in self.shipments)
