"""Records that have met their end, until their journal file has heard of it."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from msgspec.structs import replace

from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.shipment import Ended, Refusal, Shipment
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import DeadLetter, Entry, TopicBacklog

#: Records read, handed on or deleted in one go: of more, each emit that meets it feels the wait (1,000 double the p99.9).
BATCH: Final = 200

T = TypeVar("T")


class Settled:
    """What a journal file has to forget, and to bury. Any thread may use it.

    Args:
        file: the one that it is now.
        buried: told of each record that is a dead letter in the file.
    """

    def __init__(self, file: Callable[[], JournalFile], buried: Callable[[Shipment], object]) -> None:
        self._file = file
        self._tell_buried = buried
        self._done: list[int] = []
        self._letters: list[Ended] = []
        self._buried: deque[Ended] = deque()
        self._kept: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._is_resting = False
        self._flushing = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self._done or self._letters or self._buried)

    def forget(self, seq: int) -> None:
        """The record at this place was sent."""
        self._done.append(seq)

    def bury(self, shipment: Shipment, refusal: Refusal) -> None:
        """This record was refused for good."""
        shipment.is_letter = True
        self._letters.append((shipment, refusal))

    def flush(self, *, at_least: int) -> None:
        """Tell the file, in batches; of what was sent only where it is so much.

        Raises:
            JournalError: it can't be written; what it hasn't heard waits for the next call.
        """
        # One at a time: two took the same batch, and each removed as many from the line (an emit that is too large beside
        # the poller). Gevent's hub leaves it to the greenlet that is at it.
        if not self._flushing.acquire(blocking=not native.may_not_wait()):
            return
        try:
            if not self._is_resting:
                self._flush(self._file(), at_least)
        finally:
            self._flushing.release()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While this lasts the file hears nothing: what a copy of it was made without would be lost with it."""
        with self._flushing:
            self._is_resting = True
        try:
            yield
        finally:
            self._is_resting = False

    def ends(self) -> Iterator[Ended]:
        """Those that are in the file as dead letters by now, each once: only then is that their end."""
        while self._buried:
            yield self._buried.popleft()

    def end_of(self, shipment: Shipment) -> Refusal | None:
        """The end of one of them; None where it isn't in the file yet."""
        for each in tuple(self._buried):
            if each[0] is shipment:
                with suppress(ValueError):  # the poller has just asked for all, and tells it
                    self._buried.remove(each)
                    return each[1]
        return None

    def unburied(self) -> int:
        """How many dead letters aren't in the file yet."""
        return len(self._letters)

    def held(self) -> int:
        """How many dead letters have no end yet."""
        return len(self._letters) + len(self._buried)

    def lost_letters(self) -> list[TopicBacklog]:
        """What the file, which is another one by now, lacks of the dead letters that were written."""
        with self._flushing:
            found = {each.topic: each for each in self._file().dead_backlogs()}
            lost = [self._lacking(topic, found.get(topic)) for topic in self._kept]
            for each in lost:
                self._kept[each.topic] -= each.records
                self._bytes[each.topic] -= each.size
            return lost

    def give_up(self) -> list[Ended]:
        """Those that never came into the file, and won't."""
        with self._flushing:
            left = self._letters[:]
            self._letters.clear()
            return left

    def _flush(self, file: JournalFile, at_least: int) -> None:
        for seqs in native.paced(_batches(self._done, at_least)):
            file.forget(seqs)
        for ended in native.paced(_batches(self._letters, 1)):
            file.bury([_letter(*each) for each in ended])
            self._buried.extend((shipment, replace(refusal, dead=True)) for shipment, refusal in ended)
            for shipment, _ in ended:
                self._tell_buried(shipment)
                self._kept[shipment.record.topic] += 1
                self._bytes[shipment.record.topic] += shipment.record.size

    def _lacking(self, topic: str, found: TopicBacklog | None) -> TopicBacklog:
        # There may be more than were written here: those of an earlier owner.
        records, size = (0, 0) if found is None else (found.records, found.size)
        return TopicBacklog(
            topic=topic, records=max(0, self._kept[topic] - records), size=max(0, self._bytes[topic] - size)
        )


def _letter(shipment: Shipment, refusal: Refusal) -> DeadLetter:
    return DeadLetter(
        entry=Entry(seq=shipment.seq, record=shipment.record),
        reason=refusal.reason,
        explanation=refusal.explanation,
    )


def _batches(line: list[T], at_least: int) -> Iterator[list[T]]:
    """Batches of a line that is so long; each leaves it once it was dealt with."""
    while len(line) >= at_least:
        yield (batch := line[:BATCH])
        del line[: len(batch)]
