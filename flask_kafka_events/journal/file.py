"""One journal file: records on disk until the broker has them, and dead letters; SQLite in WAL mode."""

# ruff: noqa: S608  # what is put together are names of this package; values go in by ?

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from flask_kafka_events.errors import JournalCorrupt, JournalError
from flask_kafka_events.journal.forking import guard_forks, in_sqlite
from flask_kafka_events.journal.layout import (
    COLUMNS,
    DeadLetter,
    Entry,
    TopicBacklog,
    entry_of,
    prepare,
    row_of,
)
from flask_kafka_events.pinning import pin, unpin

# NORMAL writes to the kernel and syncs at checkpoints only: it survives kill -9, and a power loss costs the last
# commits but never the file. FULL syncs at each commit (12 µs against 125 to 160).
_SYNCHRONOUS: Final = {"process": "NORMAL", "power": "FULL"}
# Another program that holds the file keeps an emit so many seconds at most; the event waits in memory then.
_PATIENCE: Final = 0.02
# Free pages beyond which the file is made smaller, and how many at a time: after an outage it would keep its size.
_SPARE_PAGES: Final = 2_000
_PAGES: Final = 500
# By SQLite's texts: its error names reach Python from 3.11 on.
_NEXT_STEPS: Final = {
    "database or disk is full": "Make room on the disk.",
    "disk I/O error": "Make room on the disk, or have it checked.",
    "attempt to write a readonly database": "Let the app's user write there.",
    "unable to open database file": "Make the directory, and let the app's user write there.",
    "database is locked": "Another program uses it: end that one.",
}
_INSERT: Final = (
    f"INSERT INTO record ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING"
)
_INSERT_DEAD: Final = f"INSERT INTO dead ({COLUMNS}, reason, explanation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING"


class JournalFile:
    """A journal file that is open. Any thread may use it; only the process that opened it.

    Args:
        path: where it is, or is made.
        sync: `"process"` survives kill -9, `"power"` a power loss too.

    Raises:
        JournalTooNew: a newer version of this package wrote it.
        JournalCorrupt: it is damaged, or no journal.
        JournalError: it can't be opened, made or written.
    """

    def __init__(self, path: Path, *, sync: str = "process") -> None:
        self.path = path
        guard_forks()
        with in_sqlite, _explained(path):
            self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        pin(self._db)
        self._is_open = True
        try:
            with in_sqlite, _explained(path):
                self._set_up(sync)
        except BaseException:
            self.close()
            raise

    def append(self, entries: Sequence[Entry]) -> None:
        """Write these in one transaction, all of them or none; one that is there already is passed over."""
        rows = [row_of(entry) for entry in entries]
        with self._transaction() as db:
            db.executemany(_INSERT, rows)

    def after(self, topic: str, seq: int, *, limit: int, size: int) -> list[Entry]:
        """The next records of a topic behind `seq`, in order.

        Args:
            topic: whose.
            seq: the last one that isn't wanted.
            limit: how many at most.
            size: bytes after which no further one is read; one is read in any case.
        """
        found: list[Entry] = []
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM record WHERE topic = ? AND seq > ? ORDER BY seq LIMIT ?",
                (topic, seq, limit),
            )
            for row in rows:
                found.append(entry_of(row))
                size -= found[-1].record.size
                if size <= 0:
                    break
            rows.close()
        return found

    def delete(self, seqs: Sequence[int]) -> None:
        """Forget records that the broker has, in one transaction."""
        with self._transaction() as db:
            db.executemany("DELETE FROM record WHERE seq = ?", [(seq,) for seq in seqs])

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Make records dead letters, in one transaction: they are kept and not sent any more."""
        rows = [(*row_of(letter.entry), letter.reason, letter.explanation) for letter in letters]
        with self._transaction() as db:
            db.executemany(_INSERT_DEAD, rows)
            db.executemany("DELETE FROM record WHERE seq = ?", [row[:1] for row in rows])

    def revive(self) -> int:
        """Let all dead letters wait again, in their old places; returns how many there were."""
        with self._transaction() as db:
            db.execute(
                f"INSERT INTO record SELECT {COLUMNS} FROM dead WHERE true ON CONFLICT (seq) DO NOTHING"
            )
            return db.execute("DELETE FROM dead").rowcount

    def forget_dead(self) -> int:
        """Delete all dead letters; returns how many there were."""
        with self._transaction() as db:
            return db.execute("DELETE FROM dead").rowcount

    def shrink(self) -> None:
        """Give a part of what is free in the file back to the disk, if that is much."""
        with self._reading() as db:
            if int(db.execute("PRAGMA freelist_count").fetchone()[0]) > _SPARE_PAGES:
                # A script, for this gives a row without columns for each page, and execute() stops at the first.
                db.executescript(f"PRAGMA incremental_vacuum({_PAGES})")

    def backlogs(self) -> list[TopicBacklog]:
        """What waits, by topic."""
        rows = self._query("SELECT topic, count(*), sum(size) FROM record GROUP BY topic ORDER BY topic")
        return [TopicBacklog(topic=topic, records=count, size=size) for topic, count, size in rows]

    def count(self) -> int:
        """How many records wait."""
        return int(self._query("SELECT count(*) FROM record")[0][0])

    def count_after(self, topic: str, seq: int) -> int:
        """How many records of a topic wait behind `seq`."""
        return int(self._query("SELECT count(*) FROM record WHERE topic = ? AND seq > ?", (topic, seq))[0][0])

    def count_dead(self) -> int:
        """How many dead letters there are."""
        return int(self._query("SELECT count(*) FROM dead")[0][0])

    def last(self) -> int:
        """The highest place that a record or a dead letter has; 0 where there is none."""
        # A question for each table: one over both would read them whole.
        return max(self._query(f"SELECT max(seq) FROM {table}")[0][0] or 0 for table in ("record", "dead"))

    def records(self) -> Iterator[Entry]:
        """All records that wait, in order; read in pages, so that any number takes little memory."""
        seq = 0
        while page := self._page(seq):
            yield from page
            seq = page[-1].seq

    def dead_letters(self) -> list[DeadLetter]:
        """All, oldest first."""
        rows = self._query(f"SELECT {COLUMNS}, reason, explanation FROM dead ORDER BY seq")
        return [DeadLetter(entry=entry_of(row[:8]), reason=row[8], explanation=row[9]) for row in rows]

    def check(self) -> None:
        """Raise `JournalCorrupt` where SQLite finds damage; it reads the whole file, 1 s for 600 MB."""
        if self._query("PRAGMA quick_check(1)") != [("ok",)]:
            raise JournalCorrupt(f"Journal {self.path} is damaged.")

    def is_in_place(self) -> bool:
        """Whether the file is still where it was made: what is written to a deleted one is gone with the process."""
        with suppress(OSError):
            return os.path.samestat(self.path.stat(), self._made)
        return False

    def close(self) -> None:
        """Close the file; what it holds stays. Again, it does nothing."""
        with in_sqlite:
            if self._is_open:
                self._is_open = False
                self._db.close()
                unpin(self._db)

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _set_up(self, sync: str) -> None:
        # Not EXCLUSIVE: there a fork child that closes its inherited connection unlinks the WAL under its parent, and
        # after kill -9 half the rows are gone with integrity "ok" (measured; NORMAL kept all).
        self._db.execute("PRAGMA locking_mode = NORMAL")
        if not self.path.stat().st_size:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[sync]}")
        prepare(self._db, self.path)
        self._made = self.path.stat()

    def _page(self, seq: int) -> list[Entry]:
        rows = self._query(f"SELECT {COLUMNS} FROM record WHERE seq > ? ORDER BY seq LIMIT 500", (seq,))
        return [entry_of(row) for row in rows]

    def _query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._reading() as db:
            return db.execute(sql, parameters).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with in_sqlite, _explained(self.path):
            yield self._db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite itself has taken it back where the disk is full
                    db.execute("ROLLBACK")
                raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.ProgrammingError:
        raise JournalError(f"Journal {path} is closed.") from None
    except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
        raise JournalError(f"Journal {path} can't be used: {error}. {_next_step(error)}") from None
    except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
        raise JournalCorrupt(f"Journal {path} is damaged: {error}.") from None
    except OSError as error:
        raise JournalError(f"Journal {path} can't be used: {error.strerror}.") from None


def _next_step(error: sqlite3.Error) -> str:
    return _NEXT_STEPS.get(str(error), "Check the directory's rights and the disk.")
