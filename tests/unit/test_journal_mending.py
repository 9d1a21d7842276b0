"""A file that is damaged under its owner: what is lost with it is given up everywhere, and told to whoever waits."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from flask_kafka_events import DeliveryFailed, DeliveryTimeout
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.errors import JournalCorrupt, JournalError
from flask_kafka_events.journal.claim import Claim
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import TopicBacklog
from tests.leash import leashed
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import Shop

from .test_journaling import files, is_law_kept, journaling, process, resume, rows, told

#: Half of it, for one topic, is what a window takes, and forty events of 20,000 bytes.
LIMIT = 3_500_000


def damage(folder: Path, *statements: str) -> None:
    """Change what is in the file."""
    (path,) = files(folder)
    db = sqlite3.connect(path)
    for each in statements:
        assert db.execute(each).rowcount
    db.commit()
    db.close()


def types_in(path: Path) -> list[str]:
    """The types of all events that wait in a file."""
    db = sqlite3.connect(path)
    found = [type_ for (type_,) in db.execute("SELECT type FROM record ORDER BY seq")]
    db.close()
    return found


def fill_window(held: Shop) -> None:
    """Let all that comes later wait on disk."""
    for _ in range(WINDOW_EVENTS):
        held.mine.emit("sold")


def test_the_places_of_what_is_lost_are_free_again(tmp_path: Path) -> None:
    """`JOURNAL_MAX_BYTES` doesn't shrink with each damage."""
    with journaling(tmp_path, answers=False, JOURNAL_MAX_BYTES=LIMIT) as held:
        fill_window(held)
        for _ in range(30):
            held.mine.emit("lost", "x" * 20_000)
        damage(tmp_path, "UPDATE record SET headers = x'c1' WHERE type = 'lost'")
        resume(held)
        assert held.mine.flush(10)
        assert held.mine.stats().failed_by_reason == {"journal_damaged": 30}
        for producer in held.producers:
            producer.answers = False
        for _ in range(LIMIT // 2 // 20_600):
            held.mine.emit("sold", "x" * 20_000)
        assert held.mine.stats().dropped == 0
        for _ in range(5):
            held.mine.emit("sold", "x" * 20_000)
        assert held.mine.stats().dropped_by_reason["queue_full"] >= 1
        assert is_law_kept(held)


def test_who_waits_for_what_is_lost_is_told(tmp_path: Path) -> None:
    """`emit(wait=)` raises as soon as it is known; who waits for what could be read gets its delivery."""
    ends: dict[str, Any] = {}

    def wait(type_: str) -> None:
        try:
            ends[type_] = held.mine.emit(type_, wait=20)
        except DeliveryFailed as error:
            ends[type_] = error

    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        for count, each in enumerate(("kept", "lost"), start=1):
            threading.Thread(target=wait, args=(each,)).start()
            wait_until(lambda: len(rows(tmp_path)) == WINDOW_EVENTS + count, "it is on disk")  # noqa: B023
        damage(tmp_path, "UPDATE record SET headers = x'c1' WHERE type = 'lost'")
        resume(held)
        wait_until(lambda: len(ends) == 2, "both are told", seconds=5)
        assert ends["kept"].topic == "shop_events"
        assert ends["lost"].reason == "journal_damaged"
        assert is_law_kept(held)


@pytest.mark.parametrize("is_lost", [False, True])
def test_dead_letters_that_can_be_read_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_lost: bool
) -> None:
    """They are copied with the rest, and those that are lost take no place any more."""
    settings: dict[str, Any] = {"JOURNAL_MAX_BYTES": LIMIT, "MAX_EVENT_BYTES": 1_000_000}
    with journaling(tmp_path, answers=False, **settings) as held:
        held.mine.emit("early", "x" * 999_900, topic="early")
        held.mine.emit("dead", "x" * 999_900)
        held.mine.emit("dead", "x" * 999_900)
        assert (held.mine.stats().dead, held.mine.stats().failed) == (2, 1)
        fill_window(held)
        held.mine.emit("lost")
        damage(tmp_path, "UPDATE record SET headers = x'c1' WHERE type = 'lost'")
        if is_lost:
            damage(tmp_path, "UPDATE dead SET headers = x'c1' WHERE type = 'dead'")
        resume(held)
        assert held.mine.flush(10)
        assert len(rows(tmp_path, "dead")) == (1 if is_lost else 2)
        held.mine.emit("dead", "x" * 999_900)
        held.mine.emit("dead", "x" * 999_900)
        assert held.mine.stats().dead == (3 if is_lost else 2)
        assert is_law_kept(held)
    assert told(caplog, f"and are sent, {1 if is_lost else 2} dead letter(s) are kept.")
    assert (
        told(caplog, "1 dead letter(s) lost with what could not be read; they stay counted as dead.")
        is is_lost
    )
    assert len(rows(tmp_path, "dead")) == 2


#: A process that takes what is nobody's, says how many records that is, and waits for its end.
ADOPTER = """
import logging, sys
from pathlib import Path
from flask_kafka_events.app_log import AppLog
from flask_kafka_events.journal.directory import JournalDirectory

directory = JournalDirectory(Path(sys.argv[1]), "shop", sync="process", log=AppLog(logging.getLogger))
print([owned.file.count() for owned in directory.orphans()], flush=True)
sys.stdin.read()
"""


@contextmanager
def adopter(folder: Path) -> Iterator[str]:
    """Another process, and what it says."""
    command = leashed(sys.executable, "-c", ADOPTER, str(folder))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield other.stdout.readline().strip()
        other.kill()


def test_a_lock_file_that_is_deleted_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file stays its owner's, and the log says what not to do."""
    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        held.mine.emit("sold")
        (lock,) = files(tmp_path, ".lock")
        lock.unlink()
        wait_until(lock.exists, "the lock file is there again")
        with adopter(tmp_path) as said:
            assert said == "[]"
        resume(held)
        assert held.mine.flush(5)
        assert held.mine.stats().delivered == WINDOW_EVENTS + 1
        assert is_law_kept(held)
    assert list((tmp_path / "shop").iterdir()) == []
    assert told(caplog, "was deleted while in use, and made again. Let nobody delete files there.")


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_another_process_took_is_left_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mocker: MockerFixture, is_replaced: bool
) -> None:
    """What waits there is counted apart and sent by that one; what is on its way and what comes is this one's."""
    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        with pytest.raises(DeliveryTimeout):
            held.mine.emit("sold", wait=0)
        mocker.patch.object(Claim, "is_in_place", return_value=True)  # it hasn't looked yet
        (path,) = files(tmp_path)
        path.with_suffix(".lock").unlink()
        with adopter(tmp_path) as said:
            assert said == f"[{WINDOW_EVENTS + 1}]"
            if is_replaced:  # as a forked child does with a file that it inherited open
                shutil.copyfile(path, path.with_suffix(".other"))
                path.with_suffix(".other").rename(path)
            mocker.stopall()
            wait_until(lambda: held.mine.stats().dropped == 1, "it has looked")
            assert held.mine.stats().dropped_by_reason == {"journal_taken": 1}
            assert is_law_kept(held)
            assert path in files(tmp_path)
            resume(held)
            held.mine.emit("later")
            assert held.mine.flush(5)
            assert held.mine.stats().delivered == WINDOW_EVENTS + 1
            assert is_law_kept(held)
            if not is_replaced:
                assert len(types_in(path)) == WINDOW_EVENTS + 1
    assert told(caplog, "is another process's now, for its lock file was deleted while in use")
    assert path in files(tmp_path)


def test_what_a_new_file_has_is_counted_beside_the_emits(tmp_path: Path, mocker: MockerFixture) -> None:
    """A long count keeps nobody waiting who only looks at what is held."""
    count, looks = JournalFile.backlog_after, list[bool]()

    def long_count(file: JournalFile, topic: str, seq: int) -> TopicBacklog:
        looker = threading.Thread(target=process(held).held)
        looker.start()
        looker.join(2)
        looks.append(looker.is_alive())
        return count(file, topic, seq)

    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        held.mine.emit("sold")
        mocker.patch.object(JournalFile, "backlog_after", long_count)
        (path,) = files(tmp_path)
        path.unlink()
        wait_until(lambda: bool(looks), "the new file is looked at")
        mocker.stopall()
        assert looks == [False]
        resume(held)
        assert held.mine.flush(5)
        assert is_law_kept(held)


def test_a_file_that_finds_no_room_is_not_tried_at_each_look(tmp_path: Path, mocker: MockerFixture) -> None:
    """An attempt may read a gigabyte; the end of the process waits for no pause."""
    mocker.patch("flask_kafka_events.delivery.trouble.MEND_AFTER", (600.0, 600.0))
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        copy, looks = JournalDirectory.copy, mocker.spy(JournalFile, "shrink")
        fails = mocker.patch.object(JournalDirectory, "copy", side_effect=JournalError("There is no room."))
        (path,) = files(tmp_path)
        path.unlink()
        wait_until(lambda: fails.called, "it is tried")
        before = looks.call_count
        wait_until(lambda: looks.call_count > before + 2, "it is looked after again")
        assert fails.call_count == 1
        mocker.patch.object(JournalDirectory, "copy", copy)
    assert len(rows(tmp_path)) == 1


def test_a_file_deleted_at_the_very_end_loses_nothing(tmp_path: Path, mocker: MockerFixture) -> None:
    """What was on its way and waits in the file again is in the new one too, and is counted as pending."""
    give_back = Source.give_back

    def deleting(source: Source, shipment: Shipment) -> bool:
        is_there = give_back(source, shipment)
        shutil.rmtree(tmp_path / "shop", ignore_errors=True)
        return is_there

    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        mocker.patch.object(Source, "give_back", deleting)
        held.mine.close(0.1)
        mocker.stopall()
        assert held.mine.stats().dropped == 0
        assert held.mine.stats().pending == len(rows(tmp_path)) == 1
        assert is_law_kept(held)


def test_damage_that_costs_nothing_is_mended_all_the_same(tmp_path: Path) -> None:
    """All can be read: nothing is counted as lost, and the new file goes on."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        (path,) = files(tmp_path)
        process(held)._keeping._opening.source.trouble.note(JournalCorrupt("It is damaged."))  # noqa: SLF001 - what SQLite finds
        wait_until(lambda: files(tmp_path) not in ([path], []), "there is another file")
        resume(held)
        assert held.mine.flush(5)
        assert held.mine.stats().failed == 0
        assert is_law_kept(held)


@pytest.mark.parametrize("has_room", [True, False])
def test_what_was_lost_with_a_file_is_in_the_next_at_the_end(tmp_path: Path, has_room: bool) -> None:
    """An event that was on its way as its row was lost waits for the next process like any other, or is told as lost."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("first", topic="another")
        fill_window(held)
        held.mine.emit("lost")
        damage(tmp_path, "UPDATE record SET headers = x'c1' WHERE type IN ('first', 'lost')")
        (producer,) = held.producers
        wait_until(lambda: len(producer.sent) == WINDOW_EVENTS + 1, "all is on its way")
        first, *rest = producer.waiting
        producer.waiting = rest[:1]
        producer.answers = True
        wait_until(lambda: held.mine.stats().failed == 1, "the damage is found")
        producer.answers = False
        producer.waiting = [first, *rest[1:]]
        with largest_file(1_000_000_000 if has_room else 0):
            held.mine.close(0.1)
        assert held.mine.stats().pending == len(rows(tmp_path)) == WINDOW_EVENTS - (not has_room)
        assert held.mine.stats().dropped_by_reason == ({} if has_room else {"closed": 1})
        (path,) = files(tmp_path)
        assert types_in(path) == [*["first"] * has_room, *["sold"] * (WINDOW_EVENTS - 1)]
        assert is_law_kept(held)
