"""A journal file with the right to use it, and what becomes of it when that is given up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.claim import Claim
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import wal_of

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
                rename(self.file.path, self.file.path.with_suffix(JOURNAL if waiting else DEAD))
            is_needed = waiting > 0
        finally:
            self.file.close()
            self.claim.release(remove=not is_needed)

    def leave(self) -> None:
        """Close it and leave it as it is, to whoever can use it."""
        self.file.close()
        self.claim.release()


def adoptable(path: Path) -> Path:
    """Rename a file of dead letters so that it is adopted, whatever becomes of this process; its new path.

    Raises:
        JournalError: somebody reads it, or there is a file of the new name.
    """
    target = path.with_suffix(JOURNAL)
    if path == target:
        return path
    # What a killed process left of SQLite's beside it is brought into it as it is opened and closed.
    JournalFile(path).close()
    if not rename(path, target):
        raise JournalError(
            f"Journal {path} is read by another program, or there is {target.name} too. Try again later."
        )
    return target


def rename(path: Path, target: Path) -> bool:
    """Give a file that is closed another name; False where it keeps its own.

    Where somebody else has it open, what SQLite keeps beside it would stay behind, and a file of the other name would be
    gone. The next who takes it tries again.
    """
    if path == target or target.exists() or wal_of(path).exists():
        return False
    path.rename(target)
    return True
