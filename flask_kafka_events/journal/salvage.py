"""What can still be read of a damaged journal file. The file itself is kept, whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.forking import Entrance, entrance
from flask_kafka_events.journal.layout import COLUMNS, DeadLetter, Entry, address_of, entry_of, shm_of, wal_of

CORRUPT: Final = ".corrupt"
#: Records copied in one transaction.
COPY_BATCH: Final = 500
_Kept = TypeVar("_Kept", Entry, DeadLetter)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it, so that nobody takes it for a journal; the new path."""
    aside = path.with_suffix(CORRUPT)
    for beside in (wal_of, shm_of):
        with suppress(FileNotFoundError):
            beside(path).rename(beside(aside))
    return path.rename(aside)


def salvage(path: Path, into: JournalFile) -> int:
    """Copy the records that SQLite can read from either end, in their places; returns how many.

    Those around the damage are lost to it.
    """
    copied = 0
    for batch in batches(_from_both_ends(path)):
        into.append(batch)
        copied += len(batch)
    return copied


def batches(entries: Iterator[_Kept]) -> Iterator[list[_Kept]]:
    """The same entries, as many at a time as one transaction should have."""
    while batch := list(islice(entries, COPY_BATCH)):
        yield batch


def _from_both_ends(path: Path) -> Iterator[Entry]:
    last = 0
    for entry in _readable(path, "ASC"):
        last = entry.seq
        yield entry
    for entry in _readable(path, "DESC"):
        if entry.seq <= last:
            return
        yield entry


def _readable(path: Path, order: str) -> Iterator[Entry]:
    # Not by the index, which may be damaged where the table isn't.
    sql = f"SELECT {COLUMNS} FROM record NOT INDEXED ORDER BY seq {order}"  # noqa: S608
    # Left at each record: whoever takes it enters another file, and a fork that waits for both would stop the two.
    inside = entrance()
    with suppress(sqlite3.Error):
        with inside:
            # Read only: else SQLite would write the WAL into the damaged file as it closes it.
            db = sqlite3.connect(address_of(path, "ro"), uri=True)
        try:
            with inside:
                rows = db.execute(sql)
            while (row := _next(rows, inside)) is not None:
                with suppress(msgspec.MsgspecError, ValueError, TypeError):
                    yield entry_of(row)
        finally:
            with inside:
                db.close()


def _next(rows: sqlite3.Cursor, inside: Entrance) -> tuple[Any, ...] | None:
    with inside:
        row: tuple[Any, ...] | None = rows.fetchone()
        return row
