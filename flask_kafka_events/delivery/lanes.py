"""A topic's way out of a journal file: how much of it is in librdkafka's hands, and where the rest begins."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from flask_kafka_events.delivery.shipment import Shipment

#: What one topic may have in librdkafka's queue at a time; the rest waits on disk, so that memory stays flat.
WINDOW_EVENTS: Final = 2_000
WINDOW_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Lane:
    """One topic's records of one journal file. Whoever holds the source's lock may use it.

    A record is handed on at once while none of its topic waits and the window has room; from the first that isn't, all
    later ones wait too, and are handed on in order.

    Attributes:
        handed: the place of the last record that was handed on; those in the file behind it wait.
        waiting: how many of those there are, with those that are just being written.
        bytes: theirs.
        unwritten: records that wait in memory, because the file couldn't take them; in order.
        flying: how many were handed on and have not met their end.
        size: their bytes, too.
    """

    handed: int = 0
    waiting: int = 0
    bytes: int = 0
    unwritten: deque[Shipment] = field(default_factory=deque)
    flying: int = 0
    size: int = 0

    def enter(self, seq: int, size: int) -> bool:
        """Take a new record, which is about to be written; True where it is to be handed on at once."""
        if self.waiting or self.unwritten or not self.has_room():
            self.wait(size)
            return False
        self.hand(seq, size)
        return True

    def wait(self, size: int) -> None:
        """A record waits in the file."""
        self.waiting += 1
        self.bytes += size

    def go(self, records: int, size: int) -> None:
        """So many that waited in the file don't any more."""
        self.waiting -= records
        self.bytes -= size

    def hand(self, seq: int, size: int) -> None:
        """A record is handed on."""
        self.handed = max(self.handed, seq)
        self.flying += 1
        self.size += size

    def land(self, size: int) -> None:
        """A record that was handed on has met its end."""
        self.flying -= 1
        self.size -= size

    def give_up(self) -> list[Shipment]:
        """Hand on all that waits in memory, for it has no file to wait for."""
        left = list(self.unwritten)
        self.unwritten.clear()
        for each in left:
            self.hand(each.seq, each.record.size)
        return left

    def has_room(self) -> bool:
        """Whether another record may be handed on."""
        return self.flying < WINDOW_EVENTS and self.size < WINDOW_BYTES

    def held(self) -> int:
        """How many records wait."""
        return self.waiting + len(self.unwritten)
