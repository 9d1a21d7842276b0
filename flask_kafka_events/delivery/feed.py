"""Hands on what waits in a source's file, and what waits in memory because that couldn't be written, in order."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, TypeAlias

from flask_kafka_events.delivery.lanes import Lane, Lanes
from flask_kafka_events.delivery.settled import BATCH
from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.delivery.trouble import Trouble
from flask_kafka_events.errors import JournalError

#: Reads a topic's records behind a place, so many and of so many bytes.
Read: TypeAlias = Callable[[str, int, int, int], list[Shipment]]


class Feed:
    """What the poller draws from.

    Args:
        lock: the source's; held while it uses the lanes.
        lanes: the source's.
        read: reads the source's file; raises `JournalError` where that can't be done now.
        trouble: the file's.
    """

    def __init__(
        self, *, lock: AbstractContextManager[Any], lanes: Lanes, read: Read, trouble: Trouble
    ) -> None:
        self._lock = lock
        self._lanes = lanes
        self._read = read
        self._trouble = trouble

    def refill(self, hand_on: Callable[[Shipment], object]) -> int:
        """Hand on a batch of each topic at most; returns how many."""
        with self._lock:
            ready = [(topic, lane) for topic, lane in self._lanes.items() if lane.may_hand_on()]
        return sum(self._refill(topic, lane, hand_on) for topic, lane in ready)

    def _refill(self, topic: str, lane: Lane, hand_on: Callable[[Shipment], object]) -> int:
        with self._lock:
            # What failed to be written has only committed records before it: taken before the file is read.
            unwritten, room = list(islice(lane.unwritten, BATCH)), lane.window.room()
        try:
            # Not more than was counted: another process, which this one took for dead, may go on to write.
            written = self._read(topic, lane.handed, min(BATCH, lane.waiting), room)
        except JournalError as error:
            self._trouble.note(error)
            return 0
        early = [each for each in unwritten if not written or each.seq <= written[-1].seq]
        with self._lock:
            batch = lane.hand_all(written, early)
        for each in batch:
            hand_on(each)
        with self._lock:
            lane.leave(written, early)
        return len(batch)
