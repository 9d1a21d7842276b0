"""Which events a producer holds back until the broker has taken the first one of their key."""

from collections import deque
from typing import Final, TypeAlias

from flask_kafka_events.delivery.shipment import Shipment

#: Keys of which it is remembered that the broker took one; past that they are asked again, so that memory stays flat.
REMEMBERED: Final = 5_000

#: Topic and key.
Route: TypeAlias = tuple[str, bytes]


class FirstFlights:
    """Lets the first event of each key fly alone.

    A broker takes any first number from a producer that it doesn't know yet in a partition (KIP-360): where it refuses
    the first of two requests for a moment and takes the second, the first comes late, or never (measured with the embedded
    broker, which takes any number: it was reported as delivered and not stored). From the first that it took it refuses what isn't next in order, and
    librdkafka sends again. A key stays in its partition, so one acknowledgement is enough for it, until partitions are
    added, the topic is made again, or the broker forgets a producer that was idle for `producer.id.expiration.ms` (a day).

    Whoever holds the gate's lock may use it.
    """

    def __init__(self) -> None:
        self._behind: dict[Route, deque[Shipment]] = {}
        # Their hashes: a key may be as long as its sender likes.
        self._taken: set[int] = set()

    def route_of(self, shipment: Shipment) -> Route | None:
        """A shipment's topic and key; None where it has no key, or the broker took one of that key."""
        key = shipment.record.key
        if key is None:  # events without a key have no order among each other
            return None
        route = (shipment.record.topic, key)
        return None if hash(route) in self._taken else route

    def holds(self, route: Route, shipment: Shipment) -> bool:
        """Keep a shipment where the first of its key is on its way; False where it may fly."""
        behind = self._behind.get(route)
        if behind is None:
            return False
        behind.append(shipment)
        return True

    def take_off(self, route: Route) -> None:
        """The first of a key is on its way; the later ones are held until it lands."""
        self._behind.setdefault(route, deque())

    def land(self, shipment: Shipment, *, taken: bool) -> deque[Shipment]:
        """A shipment has met its end; returns those that were held behind it, in order.

        Args:
            shipment: that one.
            taken: whether the broker has it; else the next one of its key is the first.
        """
        route = self.route_of(shipment) if self._behind else None
        behind = None if route is None else self._behind.pop(route, None)
        if behind is None:
            return deque()
        if taken:
            self._remember(hash(route))
        return behind

    def take_all(self) -> list[Shipment]:
        """Remove and return all that are held, and forget what was taken: another producer comes."""
        held = [each for behind in self._behind.values() for each in behind]
        self._behind.clear()
        self._taken.clear()
        return held

    def held(self) -> int:
        """How many are held."""
        return sum(map(len, self._behind.values()))

    def _remember(self, route: int) -> None:
        if len(self._taken) >= REMEMBERED:
            self._taken.clear()
        self._taken.add(route)
