"""What is in journal files, as SQLite itself reads them, and in the slots beside them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from flask_kafka_events.journal.owned import DEAD, JOURNAL
from flask_kafka_events.journal.slots import entries_in, slots_of

Table: TypeAlias = Literal["record", "dead"]


def journals_in(folder: Path) -> list[Path]:
    """The journal files below a folder, oldest first, and behind them those of dead letters alone."""
    return [path for suffix in (JOURNAL, DEAD) for path in sorted(folder.rglob(f"*{suffix}"))]


def ids_in(folder: Path, table: Table = "record") -> list[str]:
    """The ids of all events that wait below a folder, or of all dead letters, in the order of each file.

    Raises:
        sqlite3.OperationalError: a file is gone meanwhile.
    """
    found: list[str] = []
    for path in journals_in(folder):
        rows = rows_of(path, table) | (slots_beside(path) if table == "record" else {})
        found += [rows[seq] for seq in sorted(rows)]
    return found


def rows_of(path: Path, table: Table) -> dict[int, str]:
    """The ids in a table of one file, by their places in it; none in one whose owner was killed as it made it."""
    try:
        return _ids(path, table, "ro")
    except sqlite3.OperationalError:  # "attempt to write a readonly database"
        return _ids(path, table, "rw")


def slots_beside(path: Path) -> dict[int, str]:
    """The ids in a file's slots, by their places in the file; a row and a slot of one place are one record."""
    return {entry.seq: entry.record.id for entry in entries_in(slots_of(path))}


def rows_in(folder: Path, tables: Sequence[Table] = ("record", "dead")) -> int:
    """How many rows these tables have in all the files below a folder, those in slots among them."""
    return sum(len(ids_in(folder, table)) for table in tables)


def _ids(path: Path, table: Table, mode: str) -> dict[int, str]:
    with _opened(path, mode) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
            return {}
        return dict(db.execute(f"SELECT seq, id FROM {table}").fetchall())  # noqa: S608


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    # By SQLite: open() and close() would drop the locks that this process holds on its own files. What a killed process
    # was about to write can't be read without being written.
    with closing(sqlite3.connect(f"file:{path}?mode={mode}", uri=True)) as db:
        yield db
