"""Records that have met their end, and the journal file that has to hear of it."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flask_kafka_events.delivery.settled import BATCH, Settled
from flask_kafka_events.journal.file import JournalFile


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


def test_two_flushes_at_once_forget_each_record(tmp_path: Path) -> None:
    """An emit that flushes, for its event is too large, takes nothing out of the poller's line that isn't deleted."""
    file = MeetingPlace(tmp_path / "a.journal")
    settled = Settled(lambda: file)
    for seq in range(2 * BATCH):
        settled.forget(seq)
    other = threading.Thread(target=settled.flush, kwargs={"at_least": 1})
    other.start()
    settled.flush(at_least=1)
    other.join()
    file.close()
    assert sorted(file.deleted) == list(range(2 * BATCH))
    assert not settled
