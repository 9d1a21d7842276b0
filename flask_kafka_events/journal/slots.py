"""The hot end of a journal: a mapped file of slots beside it, each with one record that is on its way to the broker.

A record is written and forgotten there by a copy in memory. No system call is made, so Python's lock is never given up:
to get it back took SQLite's writers 5 ms of p99 at 5,000 events/s. What is in the mapping survives the process, as what
`write()` was given does; a power loss it doesn't.

Slots, and not a log of records: a log's part is free only once all in it is acknowledged, so that a few stuck events hold
much of it until somebody moves them; and where a record of it is torn, its next one must be searched for. A slot is free as
soon as its own record is, the last one freed is used next while it is still in the processor's cache, and damage ends with it.

What the slots look like belongs to the journal's layout, and so does its version: layout 1 has none.
"""

import errno
import mmap
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from flask_kafka_events.journal.reading import JournalReader, explained
from flask_kafka_events.journal_rules import MOUNTS, file_system_of

#: Twice what one topic has on its way at most: one whose leader is down leaves room to the others.
SLOTS: Final = 4_096
#: Bytes of one. A larger record is written to the journal itself.
SLOT: Final = 2_048
# Length and checksum of what follows: the record's place in the journal, and the record. None where both are 0: with a mark
# instead, a copy that ended right behind that would bring the slot's last record back.
_HEAD: Final = Struct("<II")
_PLACE: Final = Struct("<Q")
#: Bytes that a record's content may have.
ROOM: Final = SLOT - _HEAD.size - _PLACE.size
# Where what was reserved once can be overwritten ever after. Others copy what is overwritten to another place (btrfs, ZFS),
# or nobody knows (FUSE).
_KEEPS_ROOM: Final = frozenset(["ext2", "ext3", "ext4", "overlay", "tmpfs", "xfs"])
_NOTHING: Final = bytes(_HEAD.size)
_BATCH: Final = 500

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(
    tuple[str, str, str, bytes | None, bytes, tuple[tuple[str, bytes], ...]]
).decode


def slots_of(journal: Path) -> Path:
    """The file of slots beside a journal file."""
    return journal.with_name(f"{journal.name}-slots")


def content_of(record: Record) -> bytes:
    """What a slot keeps of a record."""
    return _encode((record.id, record.type, record.topic, record.key, record.value, record.headers))


class SlotFile:
    """A new file of slots, mapped into the process that made it; others read it with `entries_in`.

    Args:
        path: where it is made, readable by its owner alone.

    Raises:
        OSError: it can't be made, or there is no room for it.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            # First of all: where a mapped page finds no room on the disk, the kernel kills the process (SIGBUS).
            os.posix_fallocate(descriptor, 0, SLOTS * SLOT)
            self._mapping = mmap.mmap(descriptor, SLOTS * SLOT)
        except BaseException:
            path.unlink()
            raise
        finally:
            self._made = os.fstat(descriptor)
            os.close(descriptor)
        self.path = path

    def write(self, slot: int, seq: int, content: bytes) -> None:
        """Write a record into a slot: in one copy, which no signal handler of Python's comes into.

        A copy that a killed process has not finished doesn't match its checksum.
        """
        body = _PLACE.pack(seq) + content
        start = slot * SLOT
        whole = _HEAD.pack(len(body), zlib.crc32(body)) + body
        self._mapping[start : start + len(whole)] = whole

    def clear(self, slot: int) -> None:
        """Forget a slot's record, in one copy too; half of that is as good."""
        start = slot * SLOT
        self._mapping[start : start + len(_NOTHING)] = _NOTHING

    def is_in_place(self) -> bool:
        """Whether the file is still where it was made, so that another process would find it."""
        with suppress(OSError):
            return os.path.samestat(self.path.lstat(), self._made)
        return False

    def close(self) -> None:
        """Let go of the mapping; what is in the file stays."""
        self._mapping.close()

    def remove(self) -> None:
        """Let go of it, and delete the file, unless there is another one in its place, or no right to."""
        self.close()
        if self.is_in_place():
            with suppress(OSError):
                self.path.unlink()


def slots_beside(file: JournalFile, *, mounts: Path = MOUNTS) -> SlotFile | None:
    """New slots for a journal file; None where it has to survive a power loss, or where none can be made, or not now."""
    if file.sync != "process" or file_system_of(file.path, mounts) not in _KEEPS_ROOM:
        return None
    try:
        return SlotFile(slots_of(file.path))
    except OSError:
        return None


def no_slots(_file: JournalFile) -> None:
    """None, for a journal file to which nobody adds."""
    return


def entries_in(path: Path) -> list[Entry]:
    """The records in a file of slots, in their order; none where there is no such file.

    Its owner may go on to use it: a slot that is just being written is passed over, as a damaged one is.

    Raises:
        OSError: it can't be read, or is no file but a link or the like.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "its slots are no file; remove what is there in their place")
    with os.fdopen(descriptor, "rb") as file:
        return sorted(filter(None, map(_entry_in, iter(lambda: file.read(SLOT), b""))), key=attrgetter("seq"))


def entries_beside(file: JournalReader) -> list[Entry]:
    """The records that are in a journal file's slots and not in the file too.

    Raises:
        JournalError: one of them can't be read.
    """
    with explained(file.path):
        found = entries_in(slots_of(file.path))
    return [entry for entry in found if not file.knows(entry.seq)]


def all_records(file: JournalReader) -> Iterator[Entry]:
    """What waits in a journal file, in its order, and then what is in its slots alone.

    Raises:
        JournalError: some of it can't be read.
    """
    return chain(file.records(), entries_beside(file))


def bring_in(file: JournalFile) -> None:
    """Move what is in the slots of a dead owner into its file; only whoever has the claim on it may.

    Killed at any point, the next who does it finds the rest, and nothing twice.

    Raises:
        JournalError: one of them can't be read or written.
    """
    entries = iter(entries_beside(file))
    while batch := list(islice(entries, _BATCH)):
        file.append(batch)
    with explained(file.path):
        slots_of(file.path).unlink(missing_ok=True)


def _entry_in(slot: bytes) -> Entry | None:
    with suppress(msgspec.MsgspecError, UnicodeError):
        return _checked(slot)
    return None


def _checked(slot: bytes) -> Entry | None:
    if len(slot) < SLOT:
        return None
    length, checksum = _HEAD.unpack_from(slot)
    body = slot[_HEAD.size : _HEAD.size + length]
    if not _PLACE.size < length == len(body) or zlib.crc32(body) != checksum:
        return None
    id_, type_, topic, key, value, headers = _decode(body[_PLACE.size :])
    record = Record(id=id_, type=type_, topic=topic, key=key, value=value, headers=headers)
    return Entry(seq=_PLACE.unpack_from(body)[0], record=record)
