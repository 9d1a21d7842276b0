"""Records that have met their end, and the journal file that has to hear of it."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask_kafka_events.delivery.settled import BATCH, Settled
from flask_kafka_events.delivery.shipment import TOO_LARGE, Shipment
from flask_kafka_events.journal.file import JournalFile

from .test_journal_file import entry


class MeetingPlace(JournalFile):
    """A file in which two who delete meet, if both may at the same time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.deleted: list[int] = []
        self._both = threading.Barrier(2, timeout=0.2)

    def forget(self, seqs: Sequence[int]) -> None:
        """Wait for the other one."""
        with suppress(threading.BrokenBarrierError):
            self._both.wait()
        self.deleted += seqs


class Emptied(deque[Any]):
    """A line that somebody empties right after it was looked at."""

    def __iter__(self) -> Iterator[Any]:
        found = list(super().__iter__())
        self.clear()
        return iter(found)


def test_an_end_that_is_told_meanwhile_is_not_told_again(tmp_path: Path) -> None:
    """The poller asks for all ends while an emit looks for its own: the emit leaves it to the poller."""
    file = JournalFile(tmp_path / "a.journal")
    settled = Settled(lambda: file, buried=lambda _: None)
    shipment = Shipment(record=entry(1).record)
    settled.bury(shipment, TOO_LARGE)
    settled.flush(at_least=1)
    settled._buried = Emptied(settled._buried)  # noqa: SLF001 - nothing public comes in between
    assert settled.end_of(shipment) is None
    file.close()


def test_two_flushes_at_once_forget_each_record(tmp_path: Path) -> None:
    """An emit that flushes, for its event is too large, takes nothing out of the poller's line that isn't deleted."""
    file = MeetingPlace(tmp_path / "a.journal")
    settled = Settled(lambda: file, buried=lambda _: None)
    for seq in range(2 * BATCH):
        settled.forget(seq)
    other = threading.Thread(target=settled.flush, kwargs={"at_least": 1})
    other.start()
    settled.flush(at_least=1)
    other.join()
    file.close()
    assert sorted(file.deleted) == list(range(2 * BATCH))
    assert not settled
