"""A journal file: what goes in comes out, in order, and what stays says why."""

import os
import sqlite3
import statistics
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from flask_kafka_events.delivery.upkeep import tidy
from flask_kafka_events.errors import JournalCorrupt, JournalError, JournalTooNew
from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import SPARE_PAGES, JournalFile
from flask_kafka_events.journal.layout import (
    MIGRATIONS,
    DeadLetter,
    Entry,
    TopicBacklog,
    entry_of,
    prepare,
    row_of,
)
from flask_kafka_events.journal.long_work import at_once

FIRST_LAYOUT = Path(__file__).with_name("journal_layout_1.sql")


def record(id_: str = "1", topic: str = "t", value: bytes = b"v") -> Record:
    """A record."""
    return Record(id=id_, type="sold", topic=topic, key=b"ana", value=value, headers=(("ce_id", b"1"),))


def entry(seq: int, topic: str = "t", value: bytes = b"v") -> Entry:
    """A record at its place."""
    return Entry(seq=seq, record=record(str(seq), topic, value))


def dead(seq: int) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(entry=entry(seq), reason="TOPIC_AUTHORIZATION_FAILED", explanation="Not allowed.")


@pytest.fixture
def file(tmp_path: Path) -> JournalFile:
    """An empty journal file."""
    made = JournalFile(tmp_path / "a.journal")
    made.close()
    return made


def opened(path: Path) -> JournalFile:
    """The file, open once more."""
    return JournalFile(path)


def test_records_survive_the_end_of_their_owner(tmp_path: Path) -> None:
    """What is written is there when the file is opened again, in order, key and headers included."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1), entry(2, "other")])
    file.append([entry(3)])
    file.close()
    again = JournalFile(tmp_path / "a.journal")
    assert list(again.records()) == [entry(1), entry(2, "other"), entry(3)]
    assert again.count() == again.last() == 3
    size = record().size
    assert again.backlogs() == [
        TopicBacklog(topic="other", records=1, size=size),
        TopicBacklog(topic="t", records=2, size=2 * size),
    ]
    again.close()


@given(
    st.builds(
        Record,
        id=st.text(st.characters(exclude_categories=["Cs"])),
        type=st.text(st.characters(exclude_categories=["Cs"])),
        topic=st.text(st.characters(exclude_categories=["Cs"])),
        key=st.none() | st.binary(),
        value=st.binary(),
        headers=st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary())).map(
            tuple
        ),
    ),
    st.integers(0, 2**62),
)
def test_any_record_is_read_as_it_was_written(made: Record, seq: int) -> None:
    """No byte of a record changes on its way through a row."""
    assert entry_of(row_of(Entry(seq=seq, record=made))) == Entry(seq=seq, record=made)


def test_a_topic_is_read_on_from_a_place(tmp_path: Path) -> None:
    """Reading goes by topic, behind a place, up to a number or so many bytes, and one record comes in any case."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1), entry(2, "other"), entry(3), entry(4), entry(5)])
    assert [each.seq for each in file.after("t", 1, limit=2, size=10**6)] == [3, 4]
    assert [each.seq for each in file.after("t", 0, limit=9, size=1)] == [1]
    assert [each.seq for each in file.after("t", 0, limit=9, size=record().size + 1)] == [1, 3]
    assert file.after("t", 5, limit=9, size=1) == []
    file.close()


def test_many_records_are_read_in_pages(tmp_path: Path) -> None:
    """All of them come, in order, although no more than a page is in memory."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(seq) for seq in range(1, 1102)])
    assert [each.seq for each in file.records()] == list(range(1, 1102))
    file.close()


def test_writing_a_record_again_changes_nothing(tmp_path: Path) -> None:
    """A place that is taken is passed over, so that a write which was in doubt can be repeated."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1)])
    file.append([entry(1, value=b"else"), entry(2)])
    assert [each.record.value for each in file.records()] == [b"v", b"v"]
    file.close()


def test_dead_letters_are_kept_with_their_reason(tmp_path: Path) -> None:
    """A buried record waits no more; it can be let wait again in its old place, or be forgotten."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1), entry(2)])
    file.bury([dead(2), dead(7)])
    assert list(file.records()) == [entry(1)]
    assert list(file.dead_letters()) == [dead(2), dead(7)]
    assert file.last() == 7, "no new record takes a dead one's place"
    assert file.revive() == 2
    assert [each.seq for each in file.records()] == [1, 2, 7]
    file.bury([dead(1)])
    assert file.drop_dead() == 1
    assert file.count_dead() == 0
    file.close()


def test_what_was_deleted_is_gone_and_its_space_given_back(tmp_path: Path) -> None:
    """The file shrinks step by step after a backlog, instead of keeping the size of the longest outage."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(seq, value=b"x" * 5_000) for seq in range(1, 3_001)])
    full = file.path.stat().st_size
    for first in range(1, 3_001, 200):
        file.forget(range(first, first + 200))
        file.shrink()
    assert file.count() == 0
    file.close()
    assert file.path.stat().st_size < full * 0.75


def test_the_space_of_a_backlog_is_given_back_though_nothing_is_written_any_more(tmp_path: Path) -> None:
    """What is cut off shows on the disk with a checkpoint only, and SQLite makes its own after many writes (35 MB stayed)."""
    file = JournalFile(tmp_path / "a.journal")
    for first in range(1, 12_001, 200):
        file.append([entry(seq, value=b"x" * 5_000) for seq in range(first, first + 200)])
    for first in range(1, 12_001, 200):
        file.forget(range(first, first + 200))
    for _ in range(30):
        tidy(file, at_once, nobody_writes=nullcontext())
    assert file.path.stat().st_size < 2 * SPARE_PAGES * 4096
    file.close()


def test_a_file_of_the_first_layout_is_still_read(tmp_path: Path) -> None:
    """A file as version 0.1 wrote it opens, with its records and dead letters."""
    with sqlite3.connect(tmp_path / "old.journal") as db:
        db.executescript(FIRST_LAYOUT.read_text())
    db.close()
    file = JournalFile(tmp_path / "old.journal")
    assert [each.record.id for each in file.records()] == ["0193-1", "0193-2"]
    assert [letter.reason for letter in file.dead_letters()] == ["MSG_SIZE_TOO_LARGE"]
    file.close()


def test_an_older_layout_is_migrated_with_its_records(tmp_path: Path) -> None:
    """A later version's migration runs once, on what an older version left."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1)])
    file.close()
    later = (*MIGRATIONS, "ALTER TABLE record ADD COLUMN colour TEXT DEFAULT 'red'")
    db = sqlite3.connect(file.path, isolation_level=None)
    for _ in range(2):
        prepare(db, file.path, later)
    assert db.execute("SELECT id, colour FROM record").fetchall() == [("1", "red")]
    assert db.execute("PRAGMA user_version").fetchone() == (3,)
    db.close()


def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    """The error names both versions and the next step, and no byte of the file changes."""
    path = tmp_path / "new.journal"
    db = sqlite3.connect(path, isolation_level=None)
    prepare(db, path, (*MIGRATIONS, "CREATE TABLE later (x)"))
    db.close()
    before = path.read_bytes()
    with pytest.raises(
        JournalTooNew, match=r"has layout 3, this version of flask_kafka_events knows 2\. Upgrade it"
    ):
        JournalFile(path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
    db.close()
    assert path.read_bytes()[100:] == before[100:]


def test_another_programs_database_is_no_journal(tmp_path: Path) -> None:
    """Tables of somebody else are told, not used."""
    with sqlite3.connect(tmp_path / "a.journal") as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(JournalCorrupt, match=r"a\.journal is no journal"):
        JournalFile(tmp_path / "a.journal")


def test_a_text_file_is_no_journal(tmp_path: Path) -> None:
    """What SQLite can't read at all is damaged."""
    (tmp_path / "a.journal").write_text("events, events, events " * 100)
    with pytest.raises(JournalCorrupt, match="is damaged: file is not a database"):
        JournalFile(tmp_path / "a.journal")


def test_a_row_that_cannot_be_decoded_is_damage(tmp_path: Path) -> None:
    """Headers that are none are told as what they are."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1)])
    db = sqlite3.connect(file.path, isolation_level=None)
    db.execute("UPDATE record SET headers = x'c1'")
    db.close()
    with pytest.raises(JournalCorrupt, match="is damaged"):
        file.after("t", 0, limit=1, size=1)
    file.close()


def test_a_closed_file_says_so(file: JournalFile) -> None:
    """Closing again is harmless; using it is an error."""
    file.close()
    with pytest.raises(JournalError, match=r"a\.journal is closed"):
        file.count()


def test_a_file_that_cannot_be_made_says_the_next_step(tmp_path: Path) -> None:
    """No directory, no file."""
    with pytest.raises(
        JournalError, match=r"can't be used: unable to open database file\. Make the directory"
    ):
        JournalFile(tmp_path / "no" / "a.journal")


def test_a_file_that_is_nowhere_is_told(mocker: MockerFixture) -> None:
    """SQLite's database in memory is no file."""
    mocker.patch("sqlite3.connect", return_value=sqlite3.connect(":memory:", isolation_level=None))
    with pytest.raises(JournalError, match="can't be used: No such file or directory"):
        JournalFile(Path("/nowhere.journal"))


def test_a_locked_file_is_told_at_once(tmp_path: Path) -> None:
    """Another program's lock costs a write a few hundredths of a second, then the error says what to do."""
    file = JournalFile(tmp_path / "a.journal")
    theirs = sqlite3.connect(file.path, isolation_level=None)
    theirs.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match=r"database is locked\. Another program uses it"):
        file.append([entry(1)])
    theirs.execute("ROLLBACK")
    theirs.close()
    file.append([entry(1)])
    assert file.count() == 1
    file.close()


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """One record that can't be written takes the others of its transaction with it, and the file goes on."""
    file = JournalFile(tmp_path / "a.journal")
    no_id = Record(id=None, type="x", topic="t", key=None, value=b"", headers=())  # type: ignore[arg-type]
    file.append([entry(2)])
    with pytest.raises(JournalError, match="NOT NULL"):
        file.append([entry(3), Entry(seq=4, record=no_id)])
    assert [each.seq for each in file.records()] == [2]
    file.close()


def test_a_file_knows_whether_it_is_in_place(tmp_path: Path) -> None:
    """Deleted or replaced under its owner, it isn't."""
    file = JournalFile(tmp_path / "a.journal")
    assert file.is_in_place()
    file.path.rename(tmp_path / "b.journal")
    assert not file.is_in_place()
    file.path.write_text("another")
    assert not file.is_in_place()
    file.close()


def test_a_fork_waits_for_who_is_inside_sqlite(tmp_path: Path) -> None:
    """A child can open a journal of its own, whatever its parent's threads were doing: none hangs."""
    file = JournalFile(tmp_path / "a.journal")
    stop = threading.Event()

    def write() -> None:
        seq = 0
        while not stop.is_set():
            seq += 1
            file.append([entry(seq)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(20):
            child = os.fork()
            if child == 0:
                JournalFile(tmp_path / f"{number}.journal").append([entry(1)])
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        writer.join()
        file.close()


def test_a_row_that_is_no_record_is_damage(tmp_path: Path) -> None:
    """Whoever reads it, in whatever way, is told so."""
    file = JournalFile(tmp_path / "a.journal")
    file.append([entry(1)])
    file.bury([dead(2)])
    for table in ("record", "dead"):
        db = sqlite3.connect(file.path)
        db.execute(f"UPDATE {table} SET headers = x'c1'")  # noqa: S608
        db.commit()
        db.close()
    for read in (
        lambda: file.after("t", 0, limit=9, size=9),
        lambda: list(file.records()),
        lambda: list(file.dead_letters()),
    ):
        with pytest.raises(JournalCorrupt, match="is damaged"):
            read()
    file.close()


def test_a_file_that_is_held_up_keeps_no_other_waiting(tmp_path: Path) -> None:
    """While a thread waits within one file, be it for a lock or a long check, others write to theirs."""
    held_up, file = JournalFile(tmp_path / "a.journal"), JournalFile(tmp_path / "b.journal")
    locker = sqlite3.connect(held_up.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    stop, inside = threading.Event(), threading.Event()

    def try_to_write() -> None:
        while not stop.is_set():
            inside.set()
            with pytest.raises(JournalError, match="locked"):  # after 20 ms
                held_up.append([entry(1)])

    trying = threading.Thread(target=try_to_write)
    trying.start()
    try:
        took = []
        for seq in range(1, 21):
            inside.clear()
            assert inside.wait(10)
            began = time.monotonic()
            file.append([entry(seq)])
            took.append(time.monotonic() - began)
    finally:
        stop.set()
        trying.join()
        locker.close()
        held_up.close()
        file.close()
    assert statistics.median(took) < 0.01, took


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_closed_file_says_so_whatever_is_written(tmp_path: Path, count: int) -> None:
    """SQLite's own error never comes through."""
    file = JournalFile(tmp_path / "a.journal")
    file.close()
    with pytest.raises(JournalError, match="is closed"):
        file.append([entry(seq) for seq in range(count)])
