"""Keeps each accepted record in this process's journal until the broker has it, and adopts what dead processes left."""

import logging
import sys
import threading
import time
from collections import defaultdict
from typing import Final

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Admission, Reservation
from flask_kafka_events.delivery.found import NOTHING, Found, survey
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.lanes import Window, Windows
from flask_kafka_events.delivery.letters import DeadLetters
from flask_kafka_events.delivery.mending import Mending
from flask_kafka_events.delivery.native import OffHub, is_patched, may_not_wait
from flask_kafka_events.delivery.settled import BATCH
from flask_kafka_events.delivery.shipment import CLOSED, QUEUE_FULL, UNSENT, Ended, Moved, Refusal, Shipment
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.errors import JournalError
from flask_kafka_events.event import Record
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.outcomes import Delivery
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.settings import Settings

#: Seconds between two looks for files of dead processes.
LOOK: Final = 5.0
#: Seconds between two attempts to open a journal, and between two flushes of what isn't a whole batch.
PAUSE: Final = 1.0
FLUSH: Final = 0.2


class JournalKeeping:
    """What `KAFKA_EVENTS_JOURNAL` keeps; any thread accepts, the poller does the rest.

    Args:
        settings: the app's.
        directory: where the files are.
        gate: where shipments go on.
        ledger: the process's.
        log: the app's.
        do_long: does what takes the longer the larger a file is.
    """

    outlives_the_process = True

    def __init__(
        self,
        *,
        settings: Settings,
        directory: JournalDirectory,
        gate: Gate,
        ledger: Ledger,
        log: AppLog,
        do_long: OffHub,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._gate = gate
        self._ledger = ledger
        self._log = log
        self._do_long = do_long
        self._reminders = Reminders(log)
        self._lock = threading.RLock()
        self._admission = Admission(events=sys.maxsize, size=settings.journal_max_bytes)
        self._memory = Admission(events=settings.queue_events, size=settings.queue_bytes)
        self._letters = DeadLetters(limit=settings.journal_max_bytes, memory=self._memory)
        self._mending = Mending(
            directory=directory, ledger=ledger, log=log,
            admission=self._admission, letters=self._letters, tell=self._tell, do_long=do_long,
        )  # fmt: skip
        self._own: Source | None = None
        self._sources: list[Source] = []
        # A crash loop in a long outage leaves any number of files; memory doesn't grow with them.
        self._adopted: Windows = defaultdict(Window)
        self._next_opening = self._next_look = self._next_flush = 0.0

    def reserve(self, topic: str) -> Reservation | None:
        """Take a place for one event of any allowed size; None where there is none."""
        return self._admission.reserve(topic, self._settings.max_event_bytes)

    def admit(self, record: Record, place: Reservation | None, timeout: float) -> bool:
        """Take a record's place in the journal, as far as `KAFKA_EVENTS_JOURNAL_MAX_BYTES` goes."""
        return self._admission.admit(record.topic, record.size, place=place, timeout=timeout)

    def accept(self, shipment: Shipment) -> Refusal | None:
        """Write a shipment to the journal before anything else happens to it; then it goes on in its turn."""
        if self._gate.is_closed:
            return CLOSED
        own = self._own_source()
        if own is None:
            if not self._memory.enter(shipment.record.topic, shipment.record.size):
                return QUEUE_FULL
            shipment.kept_in = "memory"
            return self._hand_on(shipment)
        if own.keep(shipment):
            return self._hand_on(shipment)
        return QUEUE_FULL if shipment.kept_in is None else None

    def settle(self, shipment: Shipment, end: Delivery | Refusal) -> Delivery | Refusal | None:
        """Let go of a record that the broker has, bury one that it refused, leave the others in the file."""
        record, source = shipment.record, shipment.source
        if shipment.is_letter and isinstance(end, Refusal):
            return self._letters.end(shipment, end)
        if shipment.kept_in == "file" and source is not None and end in (CLOSED, UNSENT):
            if source.give_back(shipment):
                return None
            shipment.kept_in = None
        self._admission.leave(record.topic, record.size)
        if shipment.kept_in == "memory":
            self._memory.leave(record.topic, record.size)
        if source is None or shipment.kept_in is None:
            return end
        if isinstance(end, Refusal) and self._letters.take(shipment, end):
            return None
        source.settle(shipment)
        return end

    def refuse(self, shipment: Shipment, refusal: Refusal) -> Refusal | None:
        """Keep a record that can't be sent at all as a dead letter, where the journal can be written."""
        own = self._own_source()
        if own is None or self._gate.is_closed:
            return refusal
        return self._letters.take_unsent(shipment, own, refusal)

    def refill(self) -> Moved:
        """Hand on what waits on disk, as far as each topic's window goes, and forget what the broker has."""
        refused: list[tuple[Shipment, Refusal]] = []

        def hand_on(shipment: Shipment) -> None:
            end = self._gate.resume(shipment)
            if end is not None:
                refused.append((shipment, end))

        for source in tuple(self._sources):
            source.flush(at_least=BATCH)
        moved = sum(source.refill(hand_on) for source in tuple(self._sources))
        return moved, refused + self._ends()

    def tick(self) -> list[Ended]:
        """Flush, mend, and look for what dead processes left."""
        now = time.monotonic()
        if now < self._next_flush:
            return []
        self._next_flush = now + FLUSH
        for source in tuple(self._sources):
            source.flush()
            source.tidy(self._do_long)
            self._mending.mend(source)
            if source is not self._own and source.is_spent():
                self._sources.remove(source)
                source.close(self._do_long)
        if now >= self._next_look:
            self._next_look = now + LOOK
            self.adopt()
        return self._ends()

    def adopt(self) -> int:
        """Take over what dead processes left in the directory; returns how many records that is."""
        adopted = 0
        if self._gate.is_closed:  # nobody would send it, or give it up again
            return adopted
        try:
            for owned in self._directory.orphans():
                adopted += self._take_over(owned)
        except (JournalError, OSError) as error:
            self._tell(str(error))
        return adopted

    def held(self) -> int:
        """How many records wait on disk, or in memory for their turn behind those."""
        return sum(source.held() for source in tuple(self._sources))

    def close(self) -> list[Ended]:
        """Give all files up; what they hold is sent by whoever adopts them, and what they don't is returned."""
        for source in tuple(self._sources):
            self._mending.mend(source)
        left = [each for source in tuple(self._sources) for each in source.close(self._do_long)]
        self._do_long.end()
        return left

    def _ends(self) -> list[Ended]:
        return [each for source in tuple(self._sources) for each in source.settled.ends()]

    def _own_source(self) -> Source | None:
        own = self._own
        if own is not None or time.monotonic() < self._next_opening:
            return own
        if not self._lock.acquire(blocking=not may_not_wait()):
            return None
        try:
            if self._own is None:
                self._own = self._opened()
            return self._own
        finally:
            self._lock.release()

    def _opened(self) -> Source | None:
        try:
            owned = self._do_long(self._directory.create)
        except JournalError as error:
            self._next_opening = time.monotonic() + PAUSE
            self._tell(str(error))
            return None
        return self._source(owned, NOTHING, defaultdict(Window))

    def _source(self, owned: OwnedJournal, found: Found, windows: Windows) -> Source:
        if is_patched():
            owned.file.leave_checkpoints()
        source = Source(owned, memory=self._memory, windows=windows, tell=self._tell, found=found)
        self._sources.append(source)
        return source

    def _take_over(self, owned: OwnedJournal) -> int:
        found = self._do_long(lambda: survey(owned.file))
        for backlog in found.backlogs:
            self._admission.force(backlog.topic, events=backlog.records, size=backlog.size)
        source = self._source(owned, found, self._adopted)
        records = source.held()
        self._ledger.adopt(records)
        self._log.log(
            logging.INFO,
            "Adopted journal %s with %d event(s) of a process that ended.",
            owned.file.path,
            records,
        )
        return records

    def _hand_on(self, shipment: Shipment) -> Refusal | None:
        while not shipment.is_handed_on():
            try:
                return self._gate.accept(shipment)
            except BaseException as error:  # noqa: BLE001 - a signal handler's; it is kept, and so it is sent
                shipment.interruption = error
        return None

    def _tell(self, trouble: str) -> None:
        self._reminders.warn(trouble, "%s Events wait in memory, up to KAFKA_EVENTS_QUEUE_EVENTS.", trouble)
