"""A topic's way out of a journal file: how much of it is in librdkafka's hands, and where the rest begins."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.journal.layout import TopicBacklog

#: What one topic may have in librdkafka's queue at a time; the rest waits on disk, so that memory stays flat.
WINDOW_EVENTS: Final = 2_000
WINDOW_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Window:
    """How much of one topic is in librdkafka's hands: of a process's own file, or of all that it adopted.

    Attributes:
        events: so many.
        size: their bytes.
    """

    events: int = 0
    size: int = 0

    def has_room(self) -> bool:
        """Whether another record may be handed on."""
        return self.events < WINDOW_EVENTS and self.size < WINDOW_BYTES

    def room(self) -> int:
        """How many bytes more may be."""
        return WINDOW_BYTES - self.size


#: By topic.
Windows: TypeAlias = defaultdict[str, Window]


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
        window: what was handed on and has not met its end, of this file and of those that share the window.
        flying: how many of those are of this one.
        returned: the first place of those that were handed on and wait in the file again; None while there are none.
    """

    window: Window
    handed: int = 0
    waiting: int = 0
    bytes: int = 0
    unwritten: deque[Shipment] = field(default_factory=deque)
    flying: int = 0
    returned: int | None = None

    def enter(self, seq: int, size: int) -> bool:
        """Take a new record, which is about to be written; True where it is to be handed on at once."""
        if self.waiting or self.unwritten or not self.window.has_room():
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
        # Never below nothing: SQLite takes a negative LIMIT for none. At once, for a signal handler may come in between.
        left = max(0, self.waiting - records), max(0, self.bytes - size)
        self.waiting, self.bytes = left

    def remain(self, shipment: Shipment) -> None:
        """A record that was entered isn't in the file: it waits in memory, or where there is no room either nowhere.

        Again, it does nothing to the last one that waits in memory.
        """
        if shipment.at_once and shipment.kept_in is None:
            self.land(shipment.record.size)
        if shipment.at_once or (self.unwritten and self.unwritten[-1] is shipment):
            return
        self.go(1, shipment.record.size)
        if shipment.kept_in == "memory":
            self.unwritten.append(shipment)

    def lacks(self, found: TopicBacklog, coming: Iterable[Shipment]) -> TopicBacklog:
        """What is lost with a file, of which another one has so much; it doesn't wait any more.

        Args:
            found: what that one has behind `first_waiting`.
            coming: what is about to be written.
        """
        sizes = [each.record.size for each in coming]
        records = max(0, self.waiting - found.records - len(sizes))
        size = max(0, self.bytes - found.size - sum(sizes))
        self.go(records, size)
        return TopicBacklog(topic=found.topic, records=records, size=size)

    def hand(self, seq: int, size: int) -> None:
        """A record is handed on."""
        self.handed = max(self.handed, seq)
        self.flying += 1
        self.window.events += 1
        self.window.size += size

    def hand_all(self, written: Sequence[Shipment], early: Sequence[Shipment]) -> list[Shipment]:
        """Hand on what was read from the file and what waited in memory; returns them in order. All wait until they `leave`."""
        batch = sorted([*written, *early], key=lambda each: each.seq)
        for each in batch:
            self.hand(each.seq, each.record.size)
        return batch

    def leave(self, written: Sequence[Shipment], early: Sequence[Shipment]) -> None:
        """What was handed on doesn't wait any more, once it is at the gate: what is emitted before would overtake it."""
        for each in written:
            self.go(1, each.record.size)
        for _ in early:
            self.unwritten.popleft()

    def land(self, size: int) -> None:
        """A record that was handed on has met its end."""
        self.flying -= 1
        self.window.events -= 1
        self.window.size -= size

    def come_back(self, seq: int, size: int) -> None:
        """A record that was handed on waits in the file again, for another process."""
        self.wait(size)
        self.returned = seq if self.returned is None else min(seq, self.returned)

    def first_waiting(self) -> int:
        """The place behind which all that waits in the file is; a few that have met their end may be, too."""
        return self.handed if self.returned is None else min(self.handed, self.returned - 1)

    def give_up(self) -> list[Shipment]:
        """Hand on all that waits in memory, for it has no file to wait for."""
        left = list(self.unwritten)
        self.unwritten.clear()
        for each in left:
            self.hand(each.seq, each.record.size)
        return left

    def may_hand_on(self) -> bool:
        """Whether something waits, and there is room for it."""
        return self.held() > 0 and self.window.has_room()

    def held(self) -> int:
        """How many records wait."""
        return self.waiting + len(self.unwritten)


class Lanes(dict[str, Lane]):
    """The lanes of one file by topic; one is made when it is asked for.

    Args:
        windows: bound what is handed on.
        backlogs: what is in the file.
    """

    def __init__(self, windows: Windows, backlogs: Iterable[TopicBacklog]) -> None:
        super().__init__()
        self._windows = windows
        for each in backlogs:
            self[each.topic].waiting, self[each.topic].bytes = each.records, each.size

    def __missing__(self, topic: str) -> Lane:
        self[topic] = Lane(window=self._windows[topic])
        return self[topic]

    def held(self) -> int:
        """How many records wait."""
        return sum(lane.held() for lane in self.values())

    def are_spent(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not any(lane.held() or lane.flying for lane in self.values())
