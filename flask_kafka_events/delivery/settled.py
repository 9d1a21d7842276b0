"""Records that have met their end, until their journal file has heard of it."""

import threading
from collections.abc import Iterator
from typing import Final, TypeVar

from flask_kafka_events.delivery import native
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import DeadLetter

#: Records read, handed on or deleted in one go: of more, each emit that meets it feels the wait (1,000 double the p99.9).
BATCH: Final = 200

T = TypeVar("T")


class Settled:
    """What a journal file has to forget, and to bury. Any thread may use it."""

    def __init__(self) -> None:
        self._done: list[int] = []
        self._letters: list[DeadLetter] = []
        self._flushing = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self._done or self._letters)

    def forget(self, seq: int) -> None:
        """The record at this place was sent."""
        self._done.append(seq)

    def bury(self, letter: DeadLetter) -> None:
        """This record was refused for good."""
        self._letters.append(letter)

    def flush(self, file: JournalFile, *, at_least: int) -> None:
        """Tell the file, in batches; of what was sent only where it is so much.

        Raises:
            JournalError: it can't be written; what it hasn't heard waits for the next call.
        """
        # One at a time: two took the same batch, and each removed as many from the line (an emit that is too large beside
        # the poller). Gevent's hub leaves it to the greenlet that is at it.
        if not self._flushing.acquire(blocking=not native.may_not_wait()):
            return
        try:
            for seqs in native.paced(_batches(self._done, at_least)):
                file.forget(seqs)
            for letters in native.paced(_batches(self._letters, 1)):
                file.bury(letters)
        finally:
            self._flushing.release()


def _batches(line: list[T], at_least: int) -> Iterator[list[T]]:
    """Batches of a line that is so long; each leaves it once it was dealt with."""
    while len(line) >= at_least:
        yield (batch := line[:BATCH])
        del line[: len(batch)]
