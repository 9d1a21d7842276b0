"""One journal file's records on their way to the broker: written, handed on in order, forgotten or buried at their end."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import TypeAlias

from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.found import NOTHING, Found
from flask_kafka_events.delivery.lanes import WINDOW_BYTES, Lane
from flask_kafka_events.delivery.settled import BATCH, Settled
from flask_kafka_events.delivery.shipment import Refusal, Shipment
from flask_kafka_events.delivery.transaction import Transaction
from flask_kafka_events.delivery.trouble import Trouble
from flask_kafka_events.delivery.upkeep import tidy
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.aside import DoAside, at_once
from flask_kafka_events.journal.layout import DeadLetter, Entry
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.outcomes import Delivery

#: Who waits for an event, and the signals in whose receivers it was emitted: what isn't on disk with its record.
_Company: TypeAlias = "tuple[Future[Delivery | Refusal] | None, frozenset[str]]"


class Source:
    """A journal file as the poller draws from it, and as emits add to it.

    Args:
        owned: the file.
        memory: bounds what waits in memory while the file can't be written.
        tell: told what is wrong with the file.
        found: what is in it; nothing in a new one.
    """

    def __init__(
        self,
        owned: OwnedJournal,
        *,
        memory: Admission,
        tell: Callable[[str], None],
        found: Found = NOTHING,
    ) -> None:
        self.owned = owned
        self._memory = memory
        self.trouble = Trouble(tell)
        # Re-entrant, and held for a few assignments only; the file's writes are waited for without it.
        self._lock = threading.RLock()
        self._writing = threading.RLock()
        self._last = found.last
        self._is_mending = self._is_closed = False
        self._transaction = Transaction()
        self._company: dict[int, _Company] = {}
        self._settled = Settled()
        self._lanes = {backlog.topic: Lane(waiting=backlog.records) for backlog in found.backlogs}

    def keep(self, shipment: Shipment) -> bool:
        """Write a shipment's record to the file, and wait until it is there, or in memory where it can't be.

        Returns:
            True where the shipment is to be handed on now. Otherwise it waits for its turn, or, with its `kept_in` None,
            there is no room for it even in memory.
        """
        with self._lock:
            self._last += 1
            shipment.source, shipment.seq = self, self._last
            shipment.at_once = self._lane(shipment).enter(shipment.seq, shipment.record.size)
            transaction = self._transaction
            transaction.shipments.append(shipment)
        if self._writing.acquire(blocking=not native.may_not_wait()):
            try:
                self._write(transaction)
            finally:
                self._writing.release()
        else:  # in gevent's hub, which can't wait for the greenlet that has it; and that hasn't begun with this one
            transaction.shipments.remove(shipment)
            self._keep_in_memory([shipment])
        return shipment.at_once and shipment.kept_in is not None

    def refill(self, hand_on: Callable[[Shipment], object]) -> int:
        """Hand on what waits, a batch of each topic at most; returns how many."""
        with self._lock:
            ready = [(topic, lane) for topic, lane in self._lanes.items() if lane.held() and lane.has_room()]
        return sum(self._refill(topic, lane, hand_on) for topic, lane in ready)

    def settle(self, shipment: Shipment) -> None:
        """Forget a record that the broker has; the file does so at the next `flush`."""
        with self._lock:
            self._lane(shipment).land(shipment.record.size)
            if shipment.kept_in == "file":
                self._settled.forget(shipment.seq)

    def bury(self, shipment: Shipment, refusal: Refusal) -> None:
        """Make a record that was refused for good a dead letter; the file does so at the next `flush`."""
        entry = Entry(seq=shipment.seq, record=shipment.record)
        with self._lock:
            self._lane(shipment).land(shipment.record.size)
            self._settled.bury(
                DeadLetter(entry=entry, reason=refusal.reason, explanation=refusal.explanation)
            )

    def bury_unsent(self, shipment: Shipment, refusal: Refusal) -> None:
        """Make a record that can't be sent at all a dead letter."""
        with self._lock:
            self._last += 1
            shipment.source, shipment.seq = self, self._last
            self._lane(shipment).hand(shipment.seq, shipment.record.size)
        self.bury(shipment, refusal)

    def give_back(self, shipment: Shipment) -> None:
        """Let a record that was handed on wait in the file: this process won't send it any more."""
        with self._lock:
            lane = self._lane(shipment)
            lane.land(shipment.record.size)
            lane.waiting += 1

    def flush(self, *, at_least: int = 1) -> None:
        """Delete what was settled and bury what was refused, in batches; what fails is tried again at the next call."""
        with self.trouble.noting():
            self._settled.flush(self.owned.file, at_least=at_least)

    def tidy(self, aside: DoAside) -> None:
        """Do what keeps the file small, if it is time for it."""
        with self.trouble.noting():
            tidy(self.owned.file, aside, nobody_writes=self._writing)

    @contextmanager
    def mending(self) -> Iterator[None]:
        """While this lasts nothing is written to the file; what comes waits in memory."""
        with self._writing:
            self._is_mending = True
        try:
            yield
        finally:
            self._is_mending = False

    def swap(self, owned: OwnedJournal) -> int:
        """Go on with another file, which holds a copy of this one's records; returns how many of them it lacks."""
        with self._writing, self._lock:
            self.owned, self.trouble.damage = owned, None
            lost = 0
            for topic, lane in self._lanes.items():
                found = owned.file.count_after(topic, lane.handed) + self._transaction.waiting(topic)
                lacking = lane.waiting - found
                lane.waiting -= lacking
                lost += lacking
            return lost

    def is_spent(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        with self._lock:
            busy = any(lane.held() or lane.flying for lane in self._lanes.values())
            return not (busy or self._settled)

    def held(self) -> int:
        """How many records wait for their turn."""
        with self._lock:
            return sum(lane.held() for lane in self._lanes.values())

    def close(self, aside: DoAside = at_once) -> list[Shipment]:
        """Flush, and give the file up: what is in it waits for its next owner; returns what isn't in it."""
        self.flush()
        # Who is writing has ended then, and who comes is refused: a row behind the last count would be gone with the file.
        with self._writing:
            self._is_closed = True
        try:
            aside(self.owned.give_up)
        except (JournalError, OSError) as error:
            self.trouble.tell(str(error))
        with self._lock:
            return [shipment for lane in self._lanes.values() for shipment in lane.give_up()]

    def _write(self, transaction: Transaction) -> None:
        if transaction.is_over:
            return
        # It is the one that takes shipments now: an earlier one is over before its writer lets go.
        with self._lock:
            self._transaction = Transaction()
        try:
            self._append(transaction.shipments)
        except JournalError as error:
            self.trouble.note(error)
            self._keep_in_memory(transaction.shipments)
        transaction.is_over = True

    def _append(self, shipments: list[Shipment]) -> None:
        if self._is_closed or self._is_mending or self.trouble.is_fresh():
            raise JournalError(f"Journal {self.owned.file.path} can't be written just now.")
        # An emit in a signal handler, on top of this very call, can't begin a transaction within one: it fails, and its
        # event waits in memory.
        self.owned.file.append([Entry(seq=each.seq, record=each.record) for each in shipments])
        for each in shipments:
            each.kept_in = "file"
            if not each.at_once and (each.waiter is not None or each.emitted_in):
                self._company[each.seq] = (each.waiter, each.emitted_in)

    def _keep_in_memory(self, shipments: list[Shipment]) -> None:
        with self._lock:
            for each in shipments:
                lane = self._lane(each)
                if not self._is_closed and self._memory.enter(each.record.topic, each.record.size):
                    each.kept_in = "memory"
                elif each.at_once:
                    lane.land(each.record.size)
                if not each.at_once:
                    lane.waiting -= 1
                    if each.kept_in == "memory":
                        lane.unwritten.append(each)

    def _refill(self, topic: str, lane: Lane, hand_on: Callable[[Shipment], object]) -> int:
        with self._lock:
            # What failed to be written has only committed records before it: taken before the file is read.
            unwritten, room = list(islice(lane.unwritten, BATCH)), WINDOW_BYTES - lane.size
        try:
            entries = self.owned.file.after(topic, lane.handed, limit=BATCH, size=room)
        except JournalError as error:
            self.trouble.note(error)
            return 0
        shipments = [self._shipment(entry) for entry in entries]
        last = shipments[-1].seq if shipments else self._last
        early = [each for each in unwritten if each.seq <= last]
        with self._lock:
            lane.waiting -= len(shipments)
            for _ in early:
                lane.unwritten.popleft()
            batch = sorted([*shipments, *early], key=lambda each: each.seq)
            for each in batch:
                lane.hand(each.seq, each.record.size)
        for each in batch:
            hand_on(each)
        return len(batch)

    def _shipment(self, entry: Entry) -> Shipment:
        waiter, emitted_in = self._company.pop(entry.seq, (None, frozenset()))
        return Shipment(
            record=entry.record, waiter=waiter, emitted_in=emitted_in,
            source=self, seq=entry.seq, kept_in="file",
        )  # fmt: skip

    def _lane(self, shipment: Shipment) -> Lane:
        return self._lanes.setdefault(shipment.record.topic, Lane())
