"""Keeps each accepted record in this process's journal until the broker has it, as it does what dead processes left."""

import math
import sys
import time
from collections.abc import Mapping
from typing import Final

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Admission, Fullness, Reservation
from flask_kafka_events.delivery.adoption import Adoption
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.keeping import Loads
from flask_kafka_events.delivery.letters import DeadLetters
from flask_kafka_events.delivery.mending import Mending
from flask_kafka_events.delivery.native import OffHub
from flask_kafka_events.delivery.opening import Opening
from flask_kafka_events.delivery.settled import BATCH
from flask_kafka_events.delivery.shipment import (
    CLOSED,
    INTERRUPTED,
    QUEUE_FULL,
    UNSENT,
    Ended,
    Moved,
    Origin,
    Refusal,
    Shipment,
)
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.layout import TopicBacklog
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.log_line import Line
from flask_kafka_events.outcomes import Delivery
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.settings import Settings

#: Seconds between two flushes of what isn't a whole batch.
FLUSH: Final = 0.2
#: Seconds for which trouble with this process's own file is taken to last: each emit that meets it tells of it anew.
LASTING: Final = 10.0


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
        self._gate = gate
        self._do_long = do_long
        self._reminders = Reminders(log)
        self._admission = Admission(events=sys.maxsize, size=settings.journal_max_bytes)
        self.filled, self.is_filled = self._admission.filled, self._admission.is_filled
        self._memory = Admission(events=settings.queue_events, size=settings.queue_bytes)
        self._letters = DeadLetters(limit=settings.journal_max_bytes, memory=self._memory)
        self._mending = Mending(
            directory=directory, ledger=ledger, log=log,
            letters=self._letters, give_back=self._give_back, do_long=do_long,
        )  # fmt: skip
        self._adoption = Adoption(
            directory=directory, ledger=ledger, log=log,
            memory=self._memory, tell=self._warn, do_long=do_long,
        )  # fmt: skip
        self._opening = Opening(
            directory=directory, memory=self._memory, tell=self._tell_waiting, do_long=do_long
        )
        self._next_flush = 0.0
        self._trouble, self._troubled_at = "", -math.inf

    def reserve(self, topic: str) -> Reservation | None:
        """Take a place for one event of any allowed size; None where there is none."""
        return self._admission.reserve(topic, self._settings.max_event_bytes)

    def admit(self, topic: str, size: int, place: Reservation | None, timeout: float) -> bool:
        """Take a record's place in the journal, as far as `KAFKA_EVENTS_JOURNAL_MAX_BYTES` goes."""
        return self._admission.admit(topic, size, place, timeout)

    def accept(self, shipment: Shipment) -> Refusal | None:
        """Write a shipment to the journal before anything else happens to it; then it goes on in its turn."""
        try:
            return self._keep(shipment)
        except BaseException as error:
            if not shipment.is_kept():
                raise
            # A signal handler's. It is kept, and so it is sent.
            shipment.interruption = error
        return self._gate.accept(shipment) if shipment.at_once and not shipment.is_handed_on() else None

    def settle(self, shipment: Shipment, end: Delivery | Refusal) -> Delivery | Refusal | None:
        """Let go of a record that the broker has, bury one that it refused, leave the others in the file."""
        source = shipment.source
        if shipment.is_letter and isinstance(end, Refusal):
            return self._letters.end(shipment, end)
        if source is not None and shipment.is_on_disk():
            return self._settle_in(source, shipment, end)
        self._leave(shipment)
        if source is not None and shipment.kept_in == "memory":
            source.settle(shipment)
        return end

    def refuse(self, shipment: Shipment, refusal: Refusal) -> Refusal | None:
        """Keep a record that can't be sent at all as a dead letter, where the journal can be written."""
        own = None if self._gate.is_closed else self._opening.ask()
        return refusal if own is None else self._letters.take_unsent(shipment, own, refusal)

    def refill(self) -> Moved:
        """Hand on what waits on disk, as far as each topic's window goes, and forget what the broker has."""
        refused: list[tuple[Shipment, Refusal]] = []

        def hand_on(shipment: Shipment) -> None:
            end = self._gate.resume(shipment)
            if end is not None:
                refused.append((shipment, end))

        for source in self._sources:
            source.flush(at_least=BATCH)
        moved = sum(source.refill(hand_on) for source in self._sources)
        return moved, refused + self._ends()

    def tick(self) -> list[Ended]:
        """Flush, mend, and look for what dead processes left."""
        now = time.monotonic()
        if now < self._next_flush:
            return []
        self._next_flush = now + FLUSH
        for source in self._sources:
            source.flush()
            source.tidy(self._do_long)
            self._mending.look_after(source)
            if source is not self._opening.source and source.is_spent():
                self._adoption.give_up(source)
        if self._adoption.is_due():
            self.adopt()
        return self._ends()

    def adopt(self) -> int:
        """Take over what dead processes left in the directory, a few files at a time; returns how many records that is."""
        # Of a closed one nobody would send it, or give it up again.
        return 0 if self._gate.is_closed else self._adoption.look()

    def may_adopt_more(self) -> bool:
        """Whether there may be more files, for which there was no room yet."""
        return self._adoption.is_partial

    def held(self) -> int:
        """How many records wait on disk, or in memory for their turn behind those."""
        return sum(source.held() for source in self._sources)

    def loads(self) -> Loads:
        """What waits in memory, because it can't be written, and what is on disk."""
        files = sum(source.owned.file.disk_size() for source in self._sources)
        return Loads(queue=self._memory.load(), journal=self._admission.load(), files=files)

    def fullness(self) -> Mapping[str, Fullness]:
        """How full the journal is, and the memory in which events wait where it can't be written."""
        return {"journal": self._admission.fullness(), "queue": self._memory.fullness()}

    def trouble(self) -> str:
        """Why events wait in memory alone; empty where none does and none had to a moment ago."""
        is_fresh = time.monotonic() - self._troubled_at < LASTING
        return self._trouble if is_fresh or self._memory.fullness().share > 0 else ""

    def close(self) -> list[Ended]:
        """Give all files up; what they hold is sent by whoever adopts them, and what they don't is returned."""
        self._opening.end()
        open_ones = [source for source in self._sources if not source.is_closed]
        for source in open_ones:
            self._mending.mend(source)
        left = [each for source in open_ones for each in source.close(self._do_long)]
        self._do_long.end()
        return left

    def _settle_in(
        self, source: Origin, shipment: Shipment, end: Delivery | Refusal
    ) -> Delivery | Refusal | None:
        is_unsent = end in (CLOSED, UNSENT)
        if is_unsent and source.give_back(shipment):
            return None
        self._leave(shipment)
        if is_unsent:
            return end
        if isinstance(end, Refusal) and self._letters.take(shipment, source, end):
            return None
        source.settle(shipment)
        return end

    def _leave(self, shipment: Shipment) -> None:
        topic, size = shipment.record.topic, shipment.record.size
        if shipment.source in (None, self._opening.source):  # what was adopted has taken no place
            self._admission.leave(topic, size)
        if shipment.kept_in == "memory":
            self._memory.leave(topic, size)

    def _give_back(self, source: Source, lost: list[TopicBacklog]) -> None:
        if source is self._opening.source:
            for each in lost:
                self._admission.leave(each.topic, each.size, events=each.records)

    @property
    def _sources(self) -> list[Source]:
        own = self._opening.source
        return [*self._adoption.sources] if own is None else [own, *self._adoption.sources]

    def _ends(self) -> list[Ended]:
        return [each for source in self._sources for each in source.settled.ends()]

    def _keep(self, shipment: Shipment) -> Refusal | None:
        if self._gate.is_closed:
            return CLOSED
        own = self._opening.ask()
        if own is not None:
            if own.keep(shipment):
                return self._gate.accept(shipment)
            why_not = QUEUE_FULL if shipment.interruption is None else INTERRUPTED
            return why_not if shipment.kept_in is None else None
        if not self._memory.enter(shipment.record.topic, shipment.record.size):
            return QUEUE_FULL
        shipment.at_once, shipment.kept_in = True, "memory"
        return self._gate.accept(shipment)

    def _tell_waiting(self, trouble: str) -> None:
        self._trouble, self._troubled_at = trouble, time.monotonic()
        text = "%s" if self._gate.is_closed else "%s Events wait in memory, up to KAFKA_EVENTS_QUEUE_EVENTS."
        self._reminders.warn(trouble, text, trouble, line=Line("journal_trouble"))

    def _warn(self, trouble: str) -> None:
        self._reminders.warn(trouble, "%s", trouble, line=Line("journal_trouble"))
