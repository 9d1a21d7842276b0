"""One journal file: records on disk until the broker has them, and dead letters; SQLite in WAL mode."""

# ruff: noqa: S608  # what is put together are names of this package; values go in by ?

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

from flask_kafka_events.journal.forking import entrance
from flask_kafka_events.journal.layout import (
    COLUMNS,
    DEAD_COLUMNS,
    DeadLetter,
    Entry,
    address_of,
    prepare,
    row_of,
    shm_of,
    wal_of,
)
from flask_kafka_events.journal.reading import JournalReader, explained

# NORMAL writes to the kernel and syncs at checkpoints only: it survives kill -9, and a power loss costs the last
# commits but never the file. FULL syncs at each commit (12 µs against 125 to 160).
_SYNCHRONOUS: Final = {"process": "NORMAL", "power": "FULL"}
# Free pages beyond which the file is made smaller, and how many at a time: after an outage it would keep its size.
SPARE_PAGES: Final = 2_000
_PAGES: Final = 500
_INSERT: Final = (
    f"INSERT INTO record ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING"
)
_INSERT_DEAD: Final = (
    f"INSERT INTO dead ({DEAD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING"
)

_T = TypeVar("_T")


class JournalFile(JournalReader):
    """A journal file that is open. Any thread may use it; only the process that opened it.

    Args:
        path: where it is, or is made.
        sync: `"process"` survives kill -9, `"power"` a power loss too; an attribute too.

    Raises:
        JournalTooNew: a newer version of this package wrote it.
        JournalCorrupt: it is damaged, or no journal.
        JournalError: it can't be opened, made or written.
    """

    _mode = "rwc"

    def __init__(self, path: Path, *, sync: str = "process") -> None:
        self.sync = sync
        super().__init__(path)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write these in one transaction, all of them or none; one that is there already is passed over."""
        rows = [row_of(entry) for entry in entries]
        with self._inside, explained(self.path):
            if len(rows) > 1 or self._db.in_transaction:
                self._write(lambda db: db.executemany(_INSERT, rows))
            else:  # a statement alone is a transaction of its own, and gives the GIL up three times fewer
                self._db.executemany(_INSERT, rows)

    def forget(self, seqs: Sequence[int]) -> None:
        """Forget records that the broker has, in one transaction."""
        self._write(lambda db: db.executemany("DELETE FROM record WHERE seq = ?", [(seq,) for seq in seqs]))

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Make records dead letters, in one transaction: they are kept and not sent any more."""
        rows = [(*row_of(letter.entry), letter.reason, letter.explanation) for letter in letters]

        def move(db: sqlite3.Connection) -> None:
            db.executemany(_INSERT_DEAD, rows)
            db.executemany("DELETE FROM record WHERE seq = ?", [row[:1] for row in rows])

        self._write(move)

    def revive(self) -> int:
        """Let all dead letters wait again, in their old places; returns how many there were."""

        def move_back(db: sqlite3.Connection) -> int:
            db.execute(
                f"INSERT INTO record SELECT {COLUMNS} FROM dead WHERE true ON CONFLICT (seq) DO NOTHING"
            )
            return db.execute("DELETE FROM dead").rowcount

        return self._write(move_back)

    def drop_waiting(self) -> int:
        """Delete all records that wait; returns how many there were."""
        return self._write(lambda db: db.execute("DELETE FROM record").rowcount)

    def drop_dead(self) -> int:
        """Delete all dead letters; returns how many there were."""
        return self._write(lambda db: db.execute("DELETE FROM dead").rowcount)

    def shrink(self) -> bool:
        """Cut off a part of what is free in the file, if that is much.

        Returns:
            Whether much of what was cut off is on the disk still, where only a checkpoint takes it away.
        """
        with self._reading() as db:
            if _number(db, "freelist_count") > SPARE_PAGES:
                # A script, for this gives a row without columns for each page, and execute() stops at the first.
                db.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
            needed = (_number(db, "page_count") + SPARE_PAGES) * _number(db, "page_size")
        with suppress(OSError):  # it is gone, which `is_in_place` tells
            return self.path.stat().st_size > needed
        return False

    def leave_checkpoints(self) -> None:
        """Leave them to `checkpoint`: SQLite would make one, and sync it, in the middle of some write."""
        with self._reading() as db:
            db.execute("PRAGMA wal_autocheckpoint = 0")

    def wal_size(self) -> int:
        """Bytes of the write-ahead log that SQLite keeps beside the file until the next checkpoint."""
        with explained(self.path):
            return wal_of(self.path).stat().st_size

    def disk_size(self) -> int:
        """Bytes on disk, with the write-ahead log; nothing of what is gone."""
        found = 0
        for each in (self.path, wal_of(self.path)):
            with suppress(OSError):
                found += each.stat().st_size
        return found

    def checkpoint(self) -> None:
        """Write the write-ahead log into the file; others may go on to use the file, for this has a connection of its own."""
        address = address_of(self.path, "rw")  # not to be made anew where somebody has deleted it
        with entrance(), explained(self.path), closing(sqlite3.connect(address, uri=True)) as db:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def is_in_place(self) -> bool:
        """Whether the file is still where it was made: what is written to a deleted one is gone with the process."""
        with suppress(OSError):
            return os.path.samestat(self.path.stat(), self._made)
        return False

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        for each in (self.path, wal_of(self.path), shm_of(self.path)):
            each.unlink(missing_ok=True)

    def _set_up(self, db: sqlite3.Connection) -> None:
        # Not EXCLUSIVE: there a fork child that closes its inherited connection unlinks the WAL under its parent, and
        # after kill -9 half the rows are gone with integrity "ok" (measured; NORMAL kept all).
        db.execute("PRAGMA locking_mode = NORMAL")
        if not self.path.stat().st_size:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        # Once a checkpoint has emptied the log it is cut: by its size one sees what it holds.
        db.execute("PRAGMA journal_size_limit = 0")
        db.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[self.sync]}")
        prepare(db, self.path)
        self._made = self.path.stat()

    def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something in a transaction of its own."""
        # No context manager in Python around the lock: a signal handler that raises between two of its steps would leave
        # it held.
        with self._inside, explained(self.path):
            db = self._db
            # On top of another one, in a signal handler: SQLite refuses it, and the other is not for it to take back.
            is_nested = db.in_transaction
            try:
                db.execute("BEGIN IMMEDIATE")
                done = work(db)
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite itself has taken it back where the disk is full
                    if not is_nested:
                        db.execute("ROLLBACK")
                raise
            return done


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])
