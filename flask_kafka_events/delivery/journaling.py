"""Keeps each accepted record in this process's journal until the broker has it, and adopts what dead processes left."""

import logging
import sys
import threading
import time
from dataclasses import replace
from typing import Final

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Admission, Reservation
from flask_kafka_events.delivery.found import NOTHING, Found, survey
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.native import Aside, is_patched, may_not_wait
from flask_kafka_events.delivery.settled import BATCH
from flask_kafka_events.delivery.shipment import CLOSED, QUEUE_FULL, UNSENT, Moved, Refusal, Shipment
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
        aside: does what takes the longer the larger a file is.
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
        aside: Aside,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._gate = gate
        self._ledger = ledger
        self._log = log
        self._aside = aside
        self._reminders = Reminders(log)
        self._lock = threading.RLock()
        limit = settings.journal_max_bytes
        self._admission = Admission(events=sys.maxsize, size=limit)
        self._dead = Admission(events=sys.maxsize, size=limit)
        self._memory = Admission(events=settings.queue_events, size=settings.queue_bytes)
        self._own: Source | None = None
        self._sources: list[Source] = []
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
            return self._gate.accept(shipment)
        if own.keep(shipment):
            return self._gate.accept(shipment)
        return QUEUE_FULL if shipment.kept_in is None else None

    def settle(self, shipment: Shipment, end: Delivery | Refusal) -> Delivery | Refusal | None:
        """Let go of a record that the broker has, bury one that it refused, leave the others in the file."""
        record, source = shipment.record, shipment.source
        if shipment.kept_in == "file" and source is not None and end in (CLOSED, UNSENT):
            source.give_back(shipment)
            return None
        self._admission.leave(record.topic, record.size)
        if shipment.kept_in == "memory":
            self._memory.leave(record.topic, record.size)
        if source is None or shipment.kept_in is None:
            return end
        if shipment.kept_in == "file" and isinstance(end, Refusal) and self._may_bury(record):
            source.bury(shipment, end)
            return replace(end, dead=True)
        source.settle(shipment)
        return end

    def refuse(self, shipment: Shipment, refusal: Refusal) -> Refusal:
        """Keep a record that can't be sent at all as a dead letter, where the journal can be written."""
        own = self._own_source()
        if own is None or self._gate.is_closed or not self._may_bury(shipment.record):
            return refusal
        own.bury_unsent(shipment, refusal)
        own.flush()
        return replace(refusal, dead=True)

    def refill(self) -> Moved:
        """Hand on what waits on disk, as far as each topic's window goes, and forget what the broker has."""
        refused: list[tuple[Shipment, Refusal]] = []

        def hand_on(shipment: Shipment) -> None:
            end = self._gate.resume(shipment)
            if end is not None:
                refused.append((shipment, end))

        for source in tuple(self._sources):
            source.flush(at_least=BATCH)
        return sum(source.refill(hand_on) for source in tuple(self._sources)), refused

    def tick(self) -> None:
        """Flush, mend, and look for what dead processes left."""
        now = time.monotonic()
        if now < self._next_flush:
            return
        self._next_flush = now + FLUSH
        for source in tuple(self._sources):
            source.flush()
            source.tidy(self._aside)
            self._mend(source)
            if source is not self._own and source.is_spent():
                self._sources.remove(source)
                source.close(self._aside)
        if now >= self._next_look:
            self._next_look = now + LOOK
            self.adopt()

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

    def close(self) -> list[Shipment]:
        """Give all files up; what they hold is sent by whoever adopts them, and what they don't is returned."""
        for source in tuple(self._sources):
            self._mend(source)
        left = [each for source in tuple(self._sources) for each in source.close(self._aside)]
        self._aside.end()
        return left

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
            owned = self._aside(self._directory.create)
        except JournalError as error:
            self._next_opening = time.monotonic() + PAUSE
            self._tell(str(error))
            return None
        return self._source(owned, NOTHING)

    def _source(self, owned: OwnedJournal, found: Found) -> Source:
        if is_patched():
            owned.file.leave_checkpoints()
        source = Source(owned, memory=self._memory, tell=self._tell, found=found)
        self._sources.append(source)
        return source

    def _take_over(self, owned: OwnedJournal) -> int:
        found = self._aside(lambda: survey(owned.file))
        for backlog in found.backlogs:
            self._admission.force(backlog.topic, events=backlog.records, size=backlog.size)
        source = self._source(owned, found)
        records = source.held()
        self._ledger.adopt(records)
        self._log.log(
            logging.INFO,
            "Adopted journal %s with %d event(s) of a process that ended.",
            owned.file.path,
            records,
        )
        return records

    def _mend(self, source: Source) -> None:
        """Give a source whose file is damaged, or gone from its place, another one with all that can be read."""
        if source.trouble.damage is None and source.owned.file.is_in_place():
            return
        old = source.owned
        try:
            with source.mending():
                lost = source.swap(self._replacement(old, source.trouble.damage))
        except (JournalError, OSError) as error:
            self._tell(str(error))
            return
        text = "Journal %s was damaged, moved or deleted while in use; %s goes on."
        self._log.error(text, old.file.path, source.owned.file.path)
        if lost:
            self._ledger.fail("journal_damaged", lost)
            self._log.error("%d event(s) lost (journal_damaged) with what could not be read.", lost)

    def _replacement(self, old: OwnedJournal, damage: str | None) -> OwnedJournal:
        if damage is not None:
            old.file.close()
            return self._directory.rescue(old.file.path, old.claim, damage)
        new = self._directory.copy(old.file)
        old.file.close()
        old.claim.release(remove=True)
        return new

    def _may_bury(self, record: Record) -> bool:
        return self._dead.enter(record.topic, record.size)

    def _tell(self, trouble: str) -> None:
        self._reminders.warn(trouble, "%s Events wait in memory, up to KAFKA_EVENTS_QUEUE_EVENTS.", trouble)
