"""Takes over what dead processes left in the journal directory, a few files at a time."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.found import survey
from flask_kafka_events.delivery.lanes import Window, Windows
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.long_work import DoLong
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.log_line import Line

#: Files of dead processes that one process has at a time. Each takes four descriptors and a page cache of SQLite's: 250 of
#: them left no descriptor for librdkafka's sockets, and so nothing was sent.
FILES: Final = 8
#: Seconds between two looks for such files.
LOOK: Final = 5.0


class Adoption:
    """Looks for files that nobody owns, and has the oldest of them sent; used by one thread at a time.

    Args:
        directory: where they are.
        ledger: the process's.
        log: the app's.
        memory: bounds what waits in memory.
        tell: told what is wrong with a file.
        do_long: does what takes the longer the larger a file is.

    Attributes:
        sources: those of the files that are taken over and not yet spent.
        is_partial: whether the last look ended for want of room, so that there may be more.
    """

    def __init__(
        self,
        *,
        directory: JournalDirectory,
        ledger: Ledger,
        log: AppLog,
        memory: Admission,
        tell: Callable[[str], None],
        do_long: DoLong,
    ) -> None:
        self.sources: list[Source] = []
        self.is_partial = False
        self._directory = directory
        self._ledger = ledger
        self._log = log
        self._memory = memory
        self._tell = tell
        self._do_long = do_long
        # One for all: memory doesn't grow with their number.
        self._windows: Windows = defaultdict(Window)
        self._next_look = 0.0

    def is_due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() >= self._next_look

    def look(self) -> int:
        """Take over the oldest files, as many as there is room for; returns how many records that is."""
        self._next_look = time.monotonic() + LOOK
        adopted = 0
        try:
            orphans = self._directory.orphans()
            while self._has_room() and (owned := next(orphans, None)) is not None:
                adopted += self._take_over(owned)
        except (JournalError, OSError) as error:
            self._tell(str(error))
        self.is_partial = not self._has_room()
        return adopted

    def give_up(self, source: Source) -> None:
        """Part with a file that is spent, and look for the next at once."""
        self.sources.remove(source)
        source.close(self._do_long)
        self._next_look = 0.0

    def _has_room(self) -> bool:
        return len(self.sources) < FILES

    def _take_over(self, owned: OwnedJournal) -> int:
        try:
            found = self._do_long(lambda: survey(owned.file))
            source = Source(owned, memory=self._memory, windows=self._windows, tell=self._tell, found=found)
        except JournalError as error:
            owned.leave()
            self._tell(str(error))
            return 0
        self.sources.append(source)
        records = source.held()
        self._ledger.adopt(records)
        text = "Adopted journal %s with %d event(s) of a process that ended."
        path = owned.file.path
        line = Line("journal_adopted", count=records, about=str(path))
        self._log.log(logging.INFO, text, path, records, line=line)
        return records
