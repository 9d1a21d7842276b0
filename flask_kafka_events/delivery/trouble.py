"""What goes wrong with a journal file: told, remembered, and given a moment to be over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from flask_kafka_events.errors import JournalCorrupt, JournalError

#: Seconds without another attempt after a write that failed: a full disk must not cost each emit one.
RETRY_AFTER: Final = 0.25
#: Seconds before another attempt to mend a file, and the most that doubling makes of it: one reads the whole file.
MEND_AFTER: Final = (0.5, 30.0)


class Trouble:
    """The trouble with one file.

    Attributes:
        damage: what is broken in it, None while nothing is.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.damage: str | None = None
        self.tell = tell
        self._until = self._mend_at = 0.0
        self._failures = 0

    def may_mend(self) -> bool:
        """Whether it is time for an attempt to mend the file."""
        return time.monotonic() >= self._mend_at

    def mended(self) -> None:
        """The last attempt has not failed."""
        self._failures = 0

    def not_mended(self, why: str) -> None:
        """Tell why an attempt failed; the next one waits, the longer the more have."""
        first, longest = MEND_AFTER
        self._mend_at = time.monotonic() + min(longest, first * 2**self._failures)
        self._failures += 1
        self.tell(why)

    def is_fresh(self) -> bool:
        """Whether the last one was a moment ago."""
        return time.monotonic() < self._until

    @contextmanager
    def noting(self) -> Iterator[None]:
        """What can't be done now is tried again later, by whoever does it."""
        try:
            yield
        except JournalError as error:
            self.note(error)

    def note(self, error: JournalError) -> None:
        """Tell it, once a moment, and remember damage."""
        if not self.is_fresh():
            self._until = time.monotonic() + RETRY_AFTER
            self.tell(str(error))
        if isinstance(error, JournalCorrupt):
            self.damage = str(error)
