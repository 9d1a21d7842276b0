"""What can be asked of a journal file, by its owner or by a person who looks into it."""

# ruff: noqa: S608  # what is put together are names of this package; values go in by ?

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from flask_kafka_events.errors import JournalCorrupt, JournalError
from flask_kafka_events.journal.forking import entrance
from flask_kafka_events.journal.layout import (
    COLUMNS,
    DEAD_COLUMNS,
    DeadLetter,
    Entry,
    TopicBacklog,
    address_of,
    dead_letter_of,
    entry_of,
    layout_of,
)
from flask_kafka_events.pinning import pin, unpin

# Another program that holds the file keeps an emit so many seconds at most; the event waits in memory then.
_PATIENCE: Final = 0.02
#: Rows read at a time where all are wanted.
_PAGE: Final = 500
# By SQLite's texts: its error names reach Python from 3.11 on.
_NEXT_STEPS: Final = {
    "database or disk is full": "Make room on the disk.",
    "disk I/O error": "Make room on the disk, or have it checked.",
    "attempt to write a readonly database": "Let the app's user write there.",
    "unable to open database file": "Make the directory, and let the app's user write there.",
    "database is locked": "Another program uses it: end that one.",
}
_Kept = TypeVar("_Kept", Entry, DeadLetter)


class JournalReader:
    """A journal file that is open for reading. Any thread may use it; only the process that opened it.

    A living process may own the file: SQLite lets both go on.

    Args:
        path: where it is.

    Raises:
        JournalTooNew: a newer version of this package wrote it.
        JournalCorrupt: it is damaged, or no journal.
        JournalError: it can't be opened or read.
    """

    _mode = "ro"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inside = entrance()
        with self._inside, explained(path):
            self._db = sqlite3.connect(
                address_of(path, self._mode),
                uri=True,
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
        pin(self._db)
        self._is_open = True
        try:
            with self._reading() as db:
                self._set_up(db)
        except BaseException:
            self.close()
            raise

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

    def backlogs(self) -> list[TopicBacklog]:
        """What waits, by topic."""
        return self._by_topic("record")

    def dead_backlogs(self) -> list[TopicBacklog]:
        """The dead letters, by topic."""
        return self._by_topic("dead")

    def count(self) -> int:
        """How many records wait."""
        return int(self._query("SELECT count(*) FROM record")[0][0])

    def backlog_after(self, topic: str, seq: int) -> TopicBacklog:
        """What waits of a topic behind `seq`."""
        sql = "SELECT count(*), coalesce(sum(size), 0) FROM record WHERE topic = ? AND seq > ?"
        ((records, size),) = self._query(sql, (topic, seq))
        return TopicBacklog(topic=topic, records=records, size=size)

    def holds(self, seq: int) -> bool:
        """Whether a record waits at this place."""
        return bool(self._query("SELECT 1 FROM record WHERE seq = ?", (seq,)))

    def knows(self, seq: int) -> bool:
        """Whether a record or a dead letter has this place."""
        return self.holds(seq) or bool(self._query("SELECT 1 FROM dead WHERE seq = ?", (seq,)))

    def count_dead(self) -> int:
        """How many dead letters there are."""
        return int(self._query("SELECT count(*) FROM dead")[0][0])

    def last(self) -> int:
        """The highest place that a record or a dead letter has; 0 where there is none."""
        # A question for each table: one over both would read them whole.
        return max(self._query(f"SELECT max(seq) FROM {table}")[0][0] or 0 for table in ("record", "dead"))

    def first(self) -> Entry | None:
        """The record or dead letter of the lowest place, the oldest; None where there is neither."""
        tables = ("record", "dead")
        rows = [self._query(f"SELECT {COLUMNS} FROM {table} ORDER BY seq LIMIT 1") for table in tables]
        with explained(self.path):
            return min(map(entry_of, chain(*rows)), key=attrgetter("seq"), default=None)

    def records(self) -> Iterator[Entry]:
        """All records that wait, in order; read in pages, so that any number takes little memory."""
        return self._all(f"{COLUMNS} FROM record", entry_of)

    def dead_letters(self) -> Iterator[DeadLetter]:
        """All, oldest first, and in pages too."""
        return self._all(f"{DEAD_COLUMNS} FROM dead", dead_letter_of)

    def check(self) -> None:
        """Raise `JournalCorrupt` where SQLite finds damage; it reads the whole file, 1 s for 600 MB."""
        if self._query("PRAGMA quick_check(1)") != [("ok",)]:
            raise JournalCorrupt(f"Journal {self.path} is damaged.")

    def close(self) -> None:
        """Close the file; what it holds stays. Again, it does nothing."""
        with self._inside:
            if self._is_open:
                self._is_open = False
                self._db.close()
                unpin(self._db)

    def _set_up(self, db: sqlite3.Connection) -> None:
        layout_of(db, self.path)

    def _by_topic(self, table: str) -> list[TopicBacklog]:
        rows = self._query(f"SELECT topic, count(*), sum(size) FROM {table} GROUP BY topic ORDER BY topic")
        return [TopicBacklog(topic=topic, records=count, size=size) for topic, count, size in rows]

    def _all(self, what: str, read: Callable[[tuple[Any, ...]], _Kept]) -> Iterator[_Kept]:
        seq = 0
        while rows := self._query(f"SELECT {what} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}", (seq,)):
            for row in rows:
                with explained(self.path):
                    kept = read(row)
                yield kept
            seq = rows[-1][0]

    def _query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._reading() as db:
            return db.execute(sql, parameters).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._inside, explained(self.path):
            yield self._db


class explained:  # noqa: N801 - used as the function that it would be, if that didn't take five times as long
    """Raise what SQLite and the disk raise as a `JournalError` that says the next step."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and (told := _told(error, self._path)) is not None:
            raise told from None


def _told(error: BaseException, path: Path) -> JournalError | None:
    if isinstance(error, sqlite3.ProgrammingError):
        return JournalError(f"Journal {path} is closed.")
    if isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError):
        return JournalError(f"Journal {path} can't be used: {error}. {_next_step(error)}")
    if isinstance(error, sqlite3.DatabaseError | msgspec.MsgspecError):
        return JournalCorrupt(f"Journal {path} is damaged: {error}.")
    if isinstance(error, OSError):
        return JournalError(f"Journal {path} can't be used: {error.strerror}.")
    return None


def _next_step(error: sqlite3.Error) -> str:
    return _NEXT_STEPS.get(str(error), "Check the directory's rights and the disk.")
