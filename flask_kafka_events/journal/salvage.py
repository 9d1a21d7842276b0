"""What can still be read of a damaged journal file. The file itself is kept, whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import COLUMNS, DeadLetter, Entry, entry_of

CORRUPT: Final = ".corrupt"
#: Records copied in one transaction.
BATCH: Final = 500
_Kept = TypeVar("_Kept", Entry, DeadLetter)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it, so that nobody takes it for a journal; the new path."""
    aside = path.with_suffix(CORRUPT)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
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
    while batch := list(islice(entries, BATCH)):
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
    # Read only: else SQLite would write the WAL into the damaged file as it closes it.
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db,
    ):
        # Not by the index, which may be damaged where the table isn't.
        for row in db.execute(f"SELECT {COLUMNS} FROM record NOT INDEXED ORDER BY seq {order}"):  # noqa: S608
            with suppress(msgspec.MsgspecError, ValueError, TypeError):
                yield entry_of(row)
