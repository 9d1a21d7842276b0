"""What can still be read of a damaged journal file. The file itself is kept, whole."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.forking import Entrance, entrance
from flask_kafka_events.journal.layout import (
    COLUMNS,
    DEAD_COLUMNS,
    DeadLetter,
    Entry,
    address_of,
    dead_letter_of,
    entry_of,
    shm_of,
    wal_of,
)
from flask_kafka_events.journal.reading import explained
from flask_kafka_events.journal.slots import entries_in, slots_of

CORRUPT: Final = ".corrupt"
#: Records copied in one transaction.
COPY_BATCH: Final = 500
_Kept = TypeVar("_Kept", Entry, DeadLetter)
#: Makes one of a row; raises where it is none.
_Read: TypeAlias = Callable[[tuple[Any, ...]], _Kept]


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it, so that nobody takes it for a journal; the new path."""
    aside = path.with_suffix(CORRUPT)
    for beside in (wal_of, shm_of):
        with suppress(FileNotFoundError):
            beside(path).rename(beside(aside))
    renamed = path.rename(aside)
    # Behind it: were it the other way round, and this process killed in between, the next would copy it without them.
    with suppress(OSError):
        slots_of(path).rename(slots_of(aside))
    return renamed


@dataclass(frozen=True, kw_only=True, slots=True)
class Salvaged:
    """How many records and dead letters could be read."""

    records: int
    dead: int


def salvage(path: Path, into: JournalFile) -> Salvaged:
    """Copy the records and dead letters that SQLite can read from either end, in their places, and what is in slots.

    Those around the damage are lost to it.
    """
    records = _copied(_from_both_ends(path, f"{COLUMNS} FROM record", entry_of), into.append)
    dead = _copied(_from_both_ends(path, f"{DEAD_COLUMNS} FROM dead", dead_letter_of), into.bury)
    with explained(path):
        in_slots = [entry for entry in entries_in(slots_of(path)) if not into.knows(entry.seq)]
    return Salvaged(records=records + _copied(iter(in_slots), into.append), dead=dead)


def batches(entries: Iterator[_Kept]) -> Iterator[list[_Kept]]:
    """The same entries, as many at a time as one transaction should have."""
    while batch := list(islice(entries, COPY_BATCH)):
        yield batch


def _copied(entries: Iterator[_Kept], copy: Callable[[list[_Kept]], None]) -> int:
    copied = 0
    for batch in batches(entries):
        copy(batch)
        copied += len(batch)
    return copied


def _from_both_ends(path: Path, what: str, read: _Read[_Kept]) -> Iterator[_Kept]:
    # Not by the index, which may be damaged where the table isn't.
    last = 0
    for seq, kept in _readable(path, f"{what} NOT INDEXED ORDER BY seq ASC", read):
        last = seq
        yield kept
    for seq, kept in _readable(path, f"{what} NOT INDEXED ORDER BY seq DESC", read):
        if seq <= last:
            return
        yield kept


def _readable(path: Path, what: str, read: _Read[_Kept]) -> Iterator[tuple[int, _Kept]]:
    # Left at each record: whoever takes it enters another file, and a fork that waits for both would stop the two.
    inside = entrance()
    with suppress(sqlite3.Error):
        with inside:
            # Read only: else SQLite would write the WAL into the damaged file as it closes it.
            db = sqlite3.connect(address_of(path, "ro"), uri=True)
        try:
            with inside:
                rows = db.execute(f"SELECT {what}")
            while (row := _next(rows, inside)) is not None:
                with suppress(msgspec.MsgspecError, ValueError, TypeError):
                    yield row[0], read(row)
        finally:
            with inside:
                db.close()


def _next(rows: sqlite3.Cursor, inside: Entrance) -> tuple[Any, ...] | None:
    with inside:
        row: tuple[Any, ...] | None = rows.fetchone()
        return row
