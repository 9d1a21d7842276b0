"""Records that are on their way to the broker, in slots beside a source's journal file."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, TypeAlias

from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.settled import BATCH, Settled
from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.delivery.transaction import ATTEMPTS
from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from flask_kafka_events.journal.long_work import DoLong
from flask_kafka_events.journal.slots import ROOM, SLOTS, SlotFile, content_of

#: Makes new slots for a journal file; None where there can't be any.
MakeSlots: TypeAlias = Callable[[JournalFile], SlotFile | None]
#: Seconds between two attempts at that.
PAUSE: Final = 5.0


class HotEnd:
    """Keeps records from the emit to the acknowledgement, as far as there are slots.

    An emit never makes any: the poller does. Until then, where all are taken, and for a record that is too large for one,
    the source's file is written.

    Args:
        lock: the source's, re-entrant. Each step is under it, so that none rests on the GIL; and each leaves all in order
            where a signal handler raises into it, or emits on top of it.
        settled: told what the source's file may hold too, and has to forget.
        make: makes the slots.
    """

    def __init__(self, *, lock: AbstractContextManager[Any], settled: Settled, make: MakeSlots) -> None:
        self._lock = lock
        self._settled = settled
        self._make = make
        self._slots: SlotFile | None = None
        # The last one is used next: its page is in memory, and often in the processor's cache.
        self._free: list[int] = []
        self._live: dict[int, tuple[int, Shipment]] = {}
        self._is_retired = False
        self._next_attempt = 0.0

    def __bool__(self) -> bool:
        """Whether anything is kept here."""
        return bool(self._live)

    def has(self, shipment: Shipment) -> bool:
        """Whether a shipment is kept here, and another process would find it."""
        with self._lock:
            slots = self._slots if shipment.seq in self._live else None
        return slots is not None and slots.is_in_place()

    def content_of(self, record: Record) -> bytes | None:
        """What `keep` writes of a record; None where that is of no use. Before the lock is taken, for it is the longer part."""
        if not self._free:  # a look without the lock: `keep` looks again
            return None
        content = content_of(record)
        return content if len(content) <= ROOM else None

    def keep(self, shipment: Shipment, content: bytes) -> bool:
        """Write a shipment into a slot, under the lock; False where there is none.

        What a signal handler raises meanwhile is put off, in the shipment's `interruption`.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._kept(shipment, content)
            except BaseException as error:  # noqa: BLE001 - whether it was written is found out by writing it again
                shipment.interruption = error
        shipment.kept_in = None
        self._clear(shipment)
        return False

    def forget(self, shipment: Shipment) -> None:
        """Free a shipment's slot, if it has one."""
        with self._lock:
            if self._clear(shipment) and self._is_retired:  # the file may have a copy
                self._settled.forget(shipment.seq)

    def retire(self) -> None:
        """Take nothing any more; what is there goes into the file with the next `tend`."""
        with self._lock:
            self._is_retired = True
            self._free.clear()

    def tend(self, file: JournalFile, do_long: DoLong) -> None:
        """Make slots where there are none, and move what is in retired ones, or in a file that is gone, into the journal.

        Raises:
            JournalError: it can't be written; what couldn't be moved stays where it is.
        """
        if self._slots is not None and not self._slots.is_in_place():
            self.retire()
        if self._is_retired:
            self._move(file)
            self._drop()
        if self._slots is None and time.monotonic() >= self._next_attempt:
            self._next_attempt = time.monotonic() + PAUSE
            self._begin(do_long(partial(self._make, file)))
        with self._lock:
            self._reclaim()

    def end(self, file: JournalFile) -> None:
        """Move all into the file, for good, and let go of the slots.

        Raises:
            JournalError: it can't be written; what couldn't be moved is found by who adopts it.
        """
        self.retire()
        try:
            self._move(file)
            self._drop()
        finally:
            slots, self._slots = self._slots, None
            if slots is not None:
                slots.close()

    def _kept(self, shipment: Shipment, content: bytes) -> bool:
        slots, taken = self._slots, self._live.get(shipment.seq)
        if slots is None:
            return False
        if taken is None:
            try:
                taken = self._free.pop(), shipment
            except IndexError:
                return False
            self._live[shipment.seq] = taken
        slots.write(taken[0], shipment.seq, content)
        shipment.kept_in = "slot"
        return True

    def _clear(self, shipment: Shipment) -> bool:
        taken = self._live.pop(shipment.seq, None)
        if taken is None or self._slots is None:
            return False
        self._slots.clear(taken[0])
        if not self._is_retired:
            self._free.append(taken[0])
        return True

    def _move(self, file: JournalFile) -> None:
        with self._lock:
            moving = [shipment for _, shipment in self._live.values()]
        for batch in native.paced([moving[first : first + BATCH] for first in range(0, len(moving), BATCH)]):
            # First there, then not here: killed in between, it is in both, and the next owner takes it once.
            file.append([Entry(seq=each.seq, record=each.record) for each in batch])
            with self._lock:
                self._leave(batch)

    def _leave(self, moved: Sequence[Shipment]) -> None:
        for each in moved:
            if self._clear(each):
                each.kept_in = "file"
            else:  # it met its end meanwhile
                self._settled.forget(each.seq)

    def _drop(self) -> None:
        with self._lock:
            slots, self._slots, self._is_retired = self._slots, None, False
        if slots is not None:
            slots.remove()

    def _begin(self, slots: SlotFile | None) -> None:
        with self._lock:
            self._slots = slots
            if slots is not None:
                self._free = list(reversed(range(SLOTS)))

    def _reclaim(self) -> None:
        """Free those that a signal handler's exception left behind, neither free nor live."""
        if self._slots is None or len(self._free) + len(self._live) == SLOTS:
            return
        taken = {slot for slot, _ in self._live.values()}
        for slot in {*range(SLOTS)} - taken - {*self._free}:
            self._slots.clear(slot)
            self._free.append(slot)
