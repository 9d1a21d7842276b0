"""One journal file's records on their way to the broker: written, handed on in order, forgotten or buried at their end."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.company import Company
from flask_kafka_events.delivery.feed import Feed
from flask_kafka_events.delivery.found import NOTHING, Found
from flask_kafka_events.delivery.hot_end import HotEnd, MakeSlots
from flask_kafka_events.delivery.lanes import Lane, Lanes, Windows
from flask_kafka_events.delivery.settled import BATCH, Settled
from flask_kafka_events.delivery.shipment import UNSENT, Ended, Refusal, Shipment
from flask_kafka_events.delivery.transaction import Writing
from flask_kafka_events.delivery.trouble import Trouble
from flask_kafka_events.delivery.upkeep import prepare, tidy
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.layout import Entry, TopicBacklog
from flask_kafka_events.journal.long_work import DoLong, at_once
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.journal.slots import no_slots
from flask_kafka_events.outcomes import Delivery
from flask_kafka_events.turns import turns


class Source:
    """A journal file as the poller draws from it, and as emits add to it.

    Args:
        owned: the file.
        memory: bounds what waits in memory while the file can't be written.
        windows: bound what is in librdkafka's hands; those of adopted files, which the poller alone uses, share theirs.
        tell: told what is wrong with the file.
        found: what is in it; nothing in a new one.
        make_slots: makes those of a file that is added to.
    """

    def __init__(
        self,
        owned: OwnedJournal,
        *,
        memory: Admission,
        windows: Windows,
        tell: Callable[[str], None],
        found: Found = NOTHING,
        make_slots: MakeSlots = no_slots,
    ) -> None:
        prepare(owned.file)
        self.owned = owned
        self._memory = memory
        self.trouble = Trouble(tell)
        # Re-entrant, and held for a few assignments only; the file's writes are waited for without it.
        self._lock = turns()
        self._writing = Writing(lock=self._lock, write=self._write, remember=self._keep_in_memory)
        self._last = found.last
        self.is_closed = self._is_mending = self._is_swapped = False
        self._company = Company()
        self.settled = Settled(lambda: self.owned.file, buried=self._leave_slot)
        self._hot_end = HotEnd(lock=self._lock, settled=self.settled, make=make_slots)
        self._lanes = Lanes(windows, found.backlogs)
        self._feed = Feed(lock=self._lock, lanes=self._lanes, read=self._read, trouble=self.trouble)

    def keep(self, shipment: Shipment) -> bool:
        """Write a shipment's record to a slot or the file, and wait until it is there, or in memory where it can't be.

        Returns:
            True where the shipment is to be handed on now. Otherwise it waits for its turn, or, with its `kept_in` None,
            there is no room for it even in memory.
        """
        content = self._hot_end.content_of(shipment.record)
        with self._lock:
            self._last += 1
            shipment.source, shipment.seq = self, self._last
            shipment.at_once = self._lane(shipment).enter(shipment.seq, shipment.record.size)
            if shipment.at_once and content is not None and self._hot_end.keep(shipment, content):
                return True
            transaction = self._writing.join(shipment)
        self._writing.finish(transaction, shipment)
        return shipment.at_once and shipment.kept_in is not None

    def refill(self, hand_on: Callable[[Shipment], object]) -> int:
        """Hand on what waits, a batch of each topic at most; returns how many."""
        # Where the broker refuses all and the file can't be written, each would only become one more of those in memory.
        if self.settled.unburied() > BATCH:
            return 0
        return self._feed.refill(hand_on)

    def settle(self, shipment: Shipment) -> None:
        """Forget a record that the broker has; the file does so at the next `flush`."""
        with self._lock:
            self._lane(shipment).land(shipment.record.size)
            if shipment.kept_in == "slot":
                self._hot_end.forget(shipment)
            elif shipment.kept_in == "file":
                self.settled.forget(shipment.seq)

    def bury(self, shipment: Shipment, refusal: Refusal) -> None:
        """Make a record that was refused for good a dead letter; it is one, and told as one, once a `flush` has written it."""
        with self._lock:
            self._lane(shipment).land(shipment.record.size)
            self.settled.bury(shipment, refusal)

    def bury_unsent(self, shipment: Shipment, refusal: Refusal) -> bool:
        """Make a record that can't be sent at all a dead letter; False where the file is given up."""
        with self._lock:
            if not self.is_closed:
                self._last += 1
                shipment.source, shipment.seq = self, self._last
                self.settled.bury(shipment, refusal)
            return not self.is_closed

    def give_back(self, shipment: Shipment) -> bool:
        """Let a record that was handed on wait in the file, for another process; False where it can't be put there."""
        is_there = self._is_there(shipment)
        with self._lock:
            lane = self._lane(shipment)
            lane.land(shipment.record.size)
            if is_there:
                lane.come_back(shipment.seq, shipment.record.size)
                shipment.leave_pending()
        return is_there

    def flush(self, *, at_least: int = 1) -> None:
        """Delete what was settled and bury what was refused, in batches; what fails is tried again at the next call."""
        with self.trouble.noting():
            self.settled.flush(at_least=at_least)

    def tidy(self, do_long: DoLong) -> None:
        """Do what keeps the file small, if it is time for it."""
        with self.trouble.noting():
            tidy(self.owned.file, do_long, nobody_writes=self._writing.turn)
            self._hot_end.tend(self.owned.file, do_long)

    @contextmanager
    def mending(self) -> Iterator[None]:
        """While this lasts nothing is written to the file; what comes waits in memory."""
        with self._writing.turn:
            self._is_mending = True
            self._hot_end.retire()  # what is there is copied with the rest
        try:
            with self.settled.resting():
                yield
        finally:
            self._is_mending = False

    def swap(self, owned: OwnedJournal) -> list[TopicBacklog]:
        """Go on with another file, which holds a copy of this one's records; returns what it lacks of them."""
        with self._writing.turn:
            with self._lock:
                self._hot_end.retire()
                self.owned, self.trouble.damage, self._is_swapped = owned, None, True
                waiting = [(topic, lane) for topic, lane in self._lanes.items() if lane.waiting]
            prepare(owned.file)
            # Not under the lock, which every emit takes: it may be long. What comes meanwhile isn't in the file.
            found = [(lane, owned.file.backlog_after(topic, lane.first_waiting())) for topic, lane in waiting]
            with self._lock:
                return [lane.lacks(each, self._writing.unwritten(each.topic)) for lane, each in found]

    def bereaved(self) -> list["Future[Delivery | Refusal]"]:
        """Who waits for events that were in the file and aren't any more, each once."""
        with self._writing.turn:
            return self._company.bereaved(self.owned.file)

    def is_spent(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        with self._lock:
            return self._lanes.are_spent() and not self.settled

    def held(self) -> int:
        """How many records wait for their turn, or to be dead letters."""
        with self._lock:
            return self._lanes.held() + self.settled.held()

    def close(self, do_long: DoLong = at_once) -> list[Ended]:
        """Flush, and give the file up: what is in it waits for its next owner; returns what isn't in it, or is dead."""
        # Who is writing has ended then, and who comes is refused: a row behind the last count would be gone with the file.
        with self._writing.turn, self._lock:
            self.is_closed = True
            self._hot_end.retire()
        with self.trouble.noting():
            self._hot_end.end(self.owned.file)
        self.flush()
        try:
            do_long(self.owned.leave if self._hot_end else self.owned.give_up)
        except (JournalError, OSError) as error:
            self.trouble.tell(str(error))
        self._company.leave_pending()
        with self._lock:
            left = [(each, UNSENT) for lane in self._lanes.values() for each in lane.give_up()]
        return [*left, *self.settled.ends(), *self._unburied()]

    def _unburied(self) -> list[Ended]:
        left = self.settled.give_up()
        # Their rows are there still: the next owner's broker refuses them too.
        in_file = [shipment for shipment, _ in left if shipment.is_on_disk()]
        with self._lock:
            for each in in_file:
                self._lane(each).wait(each.record.size)
                each.leave_pending()
        return [each for each in left if not each[0].is_on_disk()]

    def _write(self, shipments: list[Shipment]) -> None:
        try:
            self._append(shipments)
        except JournalError as error:
            self.trouble.note(error)
            self._keep_in_memory(shipments)

    def _append(self, shipments: list[Shipment]) -> None:
        if self.is_closed or self._is_mending or self.trouble.is_fresh():
            raise JournalError(f"Journal {self.owned.file.path} can't be written just now.")
        # Before the write: the poller may read a row as soon as it is there.
        self._company.leave(shipments)
        # An emit in a signal handler, on top of this very call, can't begin a transaction within one: it fails, and its
        # event waits in memory.
        self.owned.file.append([Entry(seq=each.seq, record=each.record) for each in shipments])
        for each in shipments:
            each.kept_in = "file"

    def _keep_in_memory(self, shipments: list[Shipment]) -> None:
        with self._lock:
            # Each leaves the line: where a signal handler interrupts this, it is done again for the others alone.
            while shipments:
                each = self._company.join(shipments[0])
                topic, size = each.record.topic, each.record.size
                if each.kept_in is None and not self.is_closed and self._memory.enter(topic, size):
                    each.kept_in = "memory"
                self._lane(each).remain(each)
                del shipments[0]

    def _read(self, topic: str, seq: int, limit: int, size: int) -> list[Shipment]:
        entries, join = self.owned.file.after(topic, seq, limit=limit, size=size), self._company.join
        return [join(Shipment(record=e.record, source=self, seq=e.seq, kept_in="file")) for e in entries]

    def _leave_slot(self, letter: Shipment) -> None:
        self._hot_end.forget(letter)

    def _is_there(self, shipment: Shipment) -> bool:
        may_be_lost = self._is_swapped or shipment.kept_in == "slot"  # with the file that it was in
        try:
            if may_be_lost and not (self._hot_end.has(shipment) or self.owned.file.holds(shipment.seq)):
                self.owned.file.append([Entry(seq=shipment.seq, record=shipment.record)])
        except JournalError as error:
            self.trouble.note(error)
            return False
        return True

    def _lane(self, shipment: Shipment) -> Lane:
        return self._lanes[shipment.record.topic]
