"""A journal file that this process inherited open, in a fork, from the one that owned it."""

import shutil
import stat
from glob import escape
from pathlib import Path
from typing import Final

from flask_kafka_events.journal.layout import shm_of, wal_of

_COPY: Final = ".copy"


def own_copy(path: Path) -> Path:
    """Replace the file by a copy of it; only whoever has the claim on it may."""
    # SQLite keeps what it knows of an open file by inode, also in a fork child: the parent's locks, which the child
    # hasn't. A copy is another inode.
    for each in (path, wal_of(path)):
        if each.exists():
            copy = each.with_name(f"{each.name}{_COPY}")
            shutil.copyfile(each, copy)
            copy.chmod(stat.S_IRUSR | stat.S_IWUSR)
            copy.rename(each)
    shm_of(path).unlink(missing_ok=True)
    return path


def remove_copies(path: Path) -> None:
    """Remove what is left of one where a process was killed, or the disk was full; only whoever has the claim may."""
    for each in path.parent.glob(f"{escape(path.stem)}.*{_COPY}"):
        each.unlink(missing_ok=True)
