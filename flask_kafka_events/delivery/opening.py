"""A process's own journal file: made when it is first asked for, by one of those who ask."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.lanes import Window
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.long_work import DoLong
from flask_kafka_events.journal.slots import slots_beside

#: Seconds between two attempts.
PAUSE: Final = 1.0


class Opening:
    """Any thread may ask for the file; the others wait meanwhile.

    Args:
        directory: where it is made.
        memory: bounds what waits in memory while it can't be written.
        tell: told what is wrong with it.
        do_long: makes it, for that may take long.

    Attributes:
        source: what draws from it; None while there is none.
    """

    def __init__(
        self,
        *,
        directory: JournalDirectory,
        memory: Admission,
        tell: Callable[[str], None],
        do_long: DoLong,
    ) -> None:
        self.source: Source | None = None
        self._directory = directory
        self._memory = memory
        self._tell = tell
        self._do_long = do_long
        self._lock = threading.RLock()
        self._is_over = False
        self._next_attempt = 0.0

    def ask(self) -> Source | None:
        """The file's; None where it can't be made, or not any more."""
        if self.source is not None or not self._may_try():
            return self.source
        if not self._lock.acquire(blocking=not native.may_not_wait()):
            return None
        try:
            return self._made_once()
        finally:
            self._lock.release()

    def end(self) -> None:
        """Make none any more: nobody would give it up. Who is at it is waited for."""
        with self._lock:
            self._is_over = True

    def _may_try(self) -> bool:
        return not self._is_over and time.monotonic() >= self._next_attempt

    def _made_once(self) -> Source | None:
        # Asked again: where a slow disk has failed whoever had the lock, each of those behind would wait as long in turn.
        if self.source is None and self._may_try():
            self.source = self._made()
        return self.source

    def _made(self) -> Source | None:
        try:
            owned = self._do_long(self._directory.create)
            return Source(
                owned,
                memory=self._memory,
                windows=defaultdict(Window),
                tell=self._tell,
                make_slots=slots_beside,
            )
        except JournalError as error:
            self._next_attempt = time.monotonic() + PAUSE
            self._tell(str(error))
            return None
