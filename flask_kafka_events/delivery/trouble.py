"""What goes wrong with a journal file: told, remembered, and given a moment to be over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from flask_kafka_events.errors import JournalCorrupt, JournalError

#: Seconds without another attempt after a write that failed: a full disk must not cost each emit one.
RETRY_AFTER: Final = 0.25


class Trouble:
    """The trouble with one file.

    Attributes:
        damage: what is broken in it, None while nothing is.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.damage: str | None = None
        self.tell = tell
        self._until = 0.0

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
