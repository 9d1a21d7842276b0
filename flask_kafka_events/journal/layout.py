"""How a journal file is laid out, and how a file of an older layout becomes one of the newest."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from flask_kafka_events.errors import JournalCorrupt, JournalTooNew
from flask_kafka_events.event import Record

#: "fke1" in the file's header, so that no other program's database is taken for a journal.
APPLICATION: Final = 0x666B6531

#: What leads from each layout to the next one, an empty file being layout 0. None is ever changed, only added to.
# Two tables and not a flag: what waits is read in order thousands of times, dead letters once by a person.
MIGRATIONS: Final = (
    """
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, topic TEXT NOT NULL,
        key BLOB, value BLOB NOT NULL, headers BLOB NOT NULL, size INTEGER NOT NULL
    );
    CREATE INDEX record_by_topic ON record (topic, seq);
    CREATE TABLE dead (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, topic TEXT NOT NULL,
        key BLOB, value BLOB NOT NULL, headers BLOB NOT NULL, size INTEGER NOT NULL,
        reason TEXT NOT NULL, explanation TEXT NOT NULL
    );
    """,
    # The tables stay as they are; but a version that knows the first layout alone would take a file without what is in
    # the slots beside it, and so it has to leave it alone.
    "",
)

#: Of a record, in the order of `row_of`.
COLUMNS: Final = "seq, id, type, topic, key, value, headers, size"
#: Of a dead letter.
DEAD_COLUMNS: Final = f"{COLUMNS}, reason, explanation"
_HEADERS: Final = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...])


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A record and its place in a journal file.

    Attributes:
        seq: unique in the file, in the order of emission.
        record: what is to be sent.
    """

    seq: int
    record: Record


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was refused for good, and why."""

    entry: Entry
    reason: str
    explanation: str


class TopicBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one topic: how many records, and their bytes."""

    topic: str
    records: int
    size: int


def address_of(path: Path, mode: str) -> str:
    """What SQLite opens a file by; `mode` is its own: `ro`, `rw`, or `rwc` to make the file."""
    return f"file:{quote(os.fsencode(path))}?mode={mode}"


def wal_of(path: Path) -> Path:
    """The write-ahead log that SQLite keeps beside a file."""
    return path.with_name(f"{path.name}-wal")


def shm_of(path: Path) -> Path:
    """What the processes share that have a file open."""
    return path.with_name(f"{path.name}-shm")


def row_of(entry: Entry) -> tuple[object, ...]:
    """A row of `COLUMNS`."""
    record = entry.record
    headers = msgspec.msgpack.encode(record.headers)
    return entry.seq, record.id, record.type, record.topic, record.key, record.value, headers, record.size


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry in a row of `COLUMNS`.

    Raises:
        msgspec.MsgspecError: its headers are none.
    """
    seq, id_, type_, topic, key, value, headers, _ = row
    record = Record(id=id_, type=type_, topic=topic, key=key, value=value, headers=_HEADERS.decode(headers))
    return Entry(seq=seq, record=record)


def dead_letter_of(row: tuple[Any, ...]) -> DeadLetter:
    """The dead letter in a row of `DEAD_COLUMNS`.

    Raises:
        msgspec.MsgspecError: its headers are none.
    """
    return DeadLetter(entry=entry_of(row[:-2]), reason=row[-2], explanation=row[-1])


def layout_of(db: sqlite3.Connection, path: Path, newest: int = len(MIGRATIONS)) -> int:
    """The number of a file's layout; 0 where it is empty.

    Raises:
        JournalTooNew: a newer version of this package wrote it.
        JournalCorrupt: it is another program's.
        sqlite3.Error: it is damaged.
    """
    version, application, tables = _header(db)
    if application != APPLICATION and (version or tables):
        raise JournalCorrupt(f"{path} is no journal.")
    if version > newest:
        raise JournalTooNew(
            f"Journal {path} has layout {version}, this version of flask_kafka_events knows {newest}. Upgrade it to send "
            f"what is in there; the file was left alone."
        )
    return version


def prepare(db: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Give an empty file its layout, and one of an older version the newest.

    Raises:
        JournalTooNew: a newer version of this package wrote it.
        JournalCorrupt: it is another program's.
        sqlite3.Error: it is damaged, or can't be written.
    """
    newest = len(migrations)
    for number in range(layout_of(db, path, newest), newest):
        marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number + 1}"
        db.executescript(f"BEGIN IMMEDIATE; {migrations[number]} ; {marks}; COMMIT")


def _header(db: sqlite3.Connection) -> tuple[int, int, int]:
    questions = ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_schema")
    version, application, tables = (int(db.execute(question).fetchone()[0]) for question in questions)
    return version, application, tables
