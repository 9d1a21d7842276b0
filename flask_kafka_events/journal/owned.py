"""A journal file with the right to use it, and what becomes of it when that is given up."""

from dataclasses import dataclass
from typing import Final

from flask_kafka_events.journal.claim import Claim
from flask_kafka_events.journal.file import JournalFile

JOURNAL: Final = ".journal"
LOCK: Final = ".lock"
#: A file that holds dead letters alone: nobody adopts it, a person looks into it.
DEAD: Final = ".dead"


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnedJournal:
    """A journal file that this process alone may use."""

    file: JournalFile
    claim: Claim

    def give_up(self) -> None:
        """Close it: removed where it holds nothing, else left to be adopted; one of dead letters alone is renamed.

        Raises:
            JournalError: what it holds can't be read; it is left as it is.
            OSError: the directory is gone.
        """
        is_needed = True
        try:
            waiting, dead = self.file.count(), self.file.count_dead()
            self.file.close()
            if waiting == dead == 0:
                self.file.remove()
            else:
                self._rename(JOURNAL if waiting else DEAD)
            is_needed = waiting > 0
        finally:
            self.file.close()
            self.claim.release(remove=not is_needed)

    def _rename(self, suffix: str) -> None:
        path = self.file.path
        # Somebody else reads it: what SQLite keeps beside it would stay behind. The next owner renames it.
        if not path.with_name(f"{path.name}-wal").exists():
            path.rename(path.with_suffix(suffix))
