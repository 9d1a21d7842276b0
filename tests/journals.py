"""What is in journal files, as SQLite itself reads them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from flask_kafka_events.journal.owned import DEAD, JOURNAL

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
        with _opened(path) as db:
            found += [id_ for (id_,) in db.execute(f"SELECT id FROM {table} ORDER BY seq")]  # noqa: S608
    return found


def rows_in(folder: Path, tables: Sequence[Table] = ("record", "dead")) -> int:
    """How many rows these tables have in all the files below a folder."""
    count = 0
    for path in journals_in(folder):
        with _opened(path) as db:
            for table in tables:
                count += db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    return count


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    # By SQLite: open() and close() would drop the locks that this process holds on its own files.
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        yield db
