"""The file of slots beside a journal: each holds one record or none, whatever has become of its bytes."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import JournalError, JournalTooNew
from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import MIGRATIONS, DeadLetter, Entry, layout_of, prepare
from flask_kafka_events.journal.slots import (
    ROOM,
    SLOT,
    SLOTS,
    SlotFile,
    all_records,
    bring_in,
    content_of,
    entries_beside,
    entries_in,
    slots_beside,
    slots_of,
)
from tests.limits import largest_file, rights_of_files_kept

from .test_journal_file import entry
from .test_journal_rules import mounts

OLD = Entry(
    seq=7, record=Record(id="old", type="sold", topic="t", key=b"k", value=b"v" * 40, headers=(("a", b"1"),))
)
NEW = Entry(
    seq=8, record=Record(id="new", type="sold", topic="t", key=None, value=b"w" * 30, headers=(("a", b"22"),))
)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[JournalFile]:
    """A journal file."""
    made = JournalFile(tmp_path / "a.journal")
    yield made
    made.close()


@pytest.fixture
def slots(file: JournalFile) -> Iterator[SlotFile]:
    """Those beside it."""
    made = slots_beside(file)
    assert made is not None
    yield made
    made.close()


def write(slots: SlotFile, slot: int, entry: Entry) -> None:
    """Put a record into a slot."""
    slots.write(slot, entry.seq, content_of(entry.record))


def image(tmp_path: Path, entry: Entry, *, is_done: bool = False) -> bytes:
    """The bytes of a slot that holds this, or has held it."""
    slots = SlotFile(tmp_path / "image")
    write(slots, 0, entry)
    if is_done:
        slots.clear(0)
    found = (tmp_path / "image").read_bytes()[:SLOT]
    slots.remove()
    return found


def read(tmp_path: Path, *contents: bytes) -> list[Entry]:
    """What is found in slots of these bytes."""
    (tmp_path / "read").write_bytes(b"".join(contents))
    return entries_in(tmp_path / "read")


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize("is_from_behind", [False, True])
def test_a_copy_torn_at_any_byte_is_no_record(tmp_path: Path, is_used: bool, is_from_behind: bool) -> None:
    """Whatever part of it was written by the death, over nothing or over a record that is done: all of it, or none."""
    new = image(tmp_path, NEW)
    old = image(tmp_path, OLD, is_done=True) if is_used else bytes(SLOT)
    other = image(tmp_path, OLD)
    for at in range(max(len(each.rstrip(b"\0")) for each in (new, other)) + 2):
        torn = old[:at] + new[at:] if is_from_behind else new[:at] + old[at:]
        found = read(tmp_path, other, torn, other)
        assert found == (
            [OLD, OLD, NEW] if torn[: len(new.rstrip(b"\0"))] == new.rstrip(b"\0") else [OLD, OLD]
        )


def test_damage_at_any_byte_costs_that_record_alone(tmp_path: Path) -> None:
    """It is recognised, and those before and behind it are read."""
    good, other = image(tmp_path, NEW), image(tmp_path, OLD)
    for at in range(len(good.rstrip(b"\0"))):
        for wrong in {0, good[at] ^ 0x01, good[at] ^ 0x80, 0xFF} - {good[at]}:
            bad = good[:at] + bytes([wrong]) + good[at + 1 :]
            assert read(tmp_path, other, bad, other) == [OLD, OLD]


def test_a_file_cut_at_any_byte_keeps_what_is_before(tmp_path: Path) -> None:
    """As after a damaged disk was mended."""
    whole = image(tmp_path, OLD) + image(tmp_path, NEW)
    for at in range(0, len(whole), 7):
        assert read(tmp_path, whole[:at]) == ([OLD] if at >= SLOT else [])
    assert read(tmp_path, whole) == [OLD, NEW]


def test_what_is_no_record_in_spite_of_its_checksum_is_passed_over(tmp_path: Path) -> None:
    """A record by a program of another mind costs nobody else's."""
    slots = SlotFile(tmp_path / "slots")
    for slot, content in enumerate(
        (b"", b"\xc1", b"\x96\xa1\xff\xa0\xa0\xc0\xc4\x00\x90", content_of(NEW.record))
    ):
        slots.write(slot, 8, content)
    assert entries_in(slots.path) == [NEW]
    slots.remove()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    id=TEXTS,
    type=TEXTS,
    topic=TEXTS,
    key=st.none() | st.binary(max_size=100),
    value=st.binary(max_size=900),
    headers=st.lists(st.tuples(TEXTS, st.binary(max_size=20)), max_size=4),
    seq=st.integers(1, 2**63 - 1),
)
def test_any_record_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, seq: int, headers: list[tuple[str, bytes]], **parts: object
) -> None:
    """Whatever is in it, as far as it has room."""
    written = Entry(seq=seq, record=Record(headers=tuple(headers), **parts))  # type: ignore[arg-type]
    assert len(content_of(written.record)) <= ROOM
    folder = tmp_path_factory.getbasetemp()
    assert read(folder, image(folder, written)) == [written]


def test_the_largest_fills_its_slot_and_no_other(file: JournalFile, slots: SlotFile) -> None:
    """Neighbours touch and don't harm each other; all slots can be used."""
    for slot in (0, 1, SLOTS - 1):
        slots.write(slot, slot + 1, b"x" * ROOM)
    content = slots.path.read_bytes()
    assert len(content) == SLOTS * SLOT
    assert content.count(b"x") == 3 * ROOM
    assert file.count() == 0


def test_only_their_owner_reads_them(slots: SlotFile) -> None:
    """As the journal's file itself."""
    assert stat.S_IMODE(slots.path.stat().st_mode) == 0o600


def test_slots_are_made_where_there_are_none(file: JournalFile, slots: SlotFile) -> None:
    """What another has left, or a link that somebody has put there, is not written into."""
    assert slots_beside(file) is None
    slots.remove()
    (file.path.parent / "elsewhere").write_bytes(b"precious")
    slots.path.symlink_to(file.path.parent / "elsewhere")
    assert slots_beside(file) is None
    assert (file.path.parent / "elsewhere").read_bytes() == b"precious"


def test_a_file_that_must_survive_a_power_loss_has_none(tmp_path: Path) -> None:
    """For a mapping doesn't."""
    file = JournalFile(tmp_path / "a.journal", sync="power")
    assert slots_beside(file) is None
    file.close()


def test_there_are_none_where_their_room_cannot_be_reserved(file: JournalFile, tmp_path: Path) -> None:
    """Without it a full disk would kill the process as it writes."""
    with largest_file(SLOT):
        assert slots_beside(file) is None
    assert not slots_of(file.path).exists()
    for kind in ("btrfs", "zfs", "fuseblk", "fuse.bindfs"):
        table = mounts(tmp_path, f"40 22 0:40 / {tmp_path} rw - {kind} none rw")
        assert slots_beside(file, mounts=table) is None
    assert slots_beside(file, mounts=tmp_path / "nowhere") is None


def test_there_are_none_in_a_directory_without_rights(file: JournalFile) -> None:
    """A directory that was made read-only meanwhile."""
    file.path.parent.chmod(0o500)
    with rights_of_files_kept():
        assert slots_beside(file) is None
    file.path.parent.chmod(0o700)


def test_slots_that_cannot_be_deleted_are_left(slots: SlotFile) -> None:
    """They hold nothing any more, and whoever has rights again may delete them."""
    slots.path.parent.chmod(0o500)
    with rights_of_files_kept():
        slots.remove()
    slots.path.parent.chmod(0o700)
    assert slots.path.exists()


def test_slots_of_another_name_or_in_anothers_place_are_not_deleted(tmp_path: Path) -> None:
    """Only the file that was made here is."""
    slots = SlotFile(tmp_path / "slots")
    assert slots.is_in_place()
    slots.path.rename(tmp_path / "moved")
    assert not slots.is_in_place()
    slots.path.write_bytes(b"another")
    slots.remove()
    assert slots.path.read_bytes() == b"another"


def test_what_a_dead_owner_left_is_brought_in_once(file: JournalFile, slots: SlotFile) -> None:
    """Also where it was on its way into the file, or was made a dead letter there, as its owner died."""
    file.append([entry(1), entry(2)])
    file.bury([DeadLetter(entry=entry(3), reason="r", explanation="e")])
    for slot, seq in enumerate((5, 3, 4, 2)):
        write(slots, slot, entry(seq))
    assert [each.seq for each in all_records(file)] == [1, 2, 4, 5]
    for _ in range(2):
        bring_in(file)
        assert [each.seq for each in file.records()] == [1, 2, 4, 5]
        assert entries_beside(file) == []
        assert not slots.path.exists()


def test_what_cannot_be_brought_in_is_left(file: JournalFile, slots: SlotFile) -> None:
    """The next who tries finds it."""
    write(slots, 0, entry(1))
    with largest_file(0), pytest.raises(JournalError):
        bring_in(file)
    assert [each.seq for each in entries_beside(file)] == [1]


@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_what_is_no_file_is_told(file: JournalFile, kind: str) -> None:
    """Nobody reads through a link that somebody has put there, or waits for a pipe."""
    path = slots_of(file.path)
    if kind == "link":
        path.symlink_to(file.path)
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(JournalError, match=r"a\.journal can't be used: "):
        bring_in(file)


def test_a_version_without_slots_leaves_the_file_alone(file: JournalFile) -> None:
    """It would send what is in the file and lose the rest; it refuses the layout by number, in the words that it has."""
    db = sqlite3.connect(file.path)
    with pytest.raises(JournalTooNew, match="Upgrade it to send what is in there; the file was left alone"):
        layout_of(db, file.path, newest=1)
    db.close()


def test_a_file_of_that_version_is_read_and_has_slots_from_then_on(tmp_path: Path) -> None:
    """The first layout becomes the second as the file is opened, before a slot is written."""
    path = tmp_path / "a.journal"
    db = sqlite3.connect(path, isolation_level=None)
    prepare(db, path, MIGRATIONS[:1])
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()
    file = JournalFile(path)
    file.append([entry(1)])
    db = sqlite3.connect(path)
    assert layout_of(db, path) == 2
    db.close()
    assert [each.seq for each in all_records(file)] == [1]
    file.close()
