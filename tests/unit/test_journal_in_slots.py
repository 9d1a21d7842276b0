"""An app whose events are on their way in slots: on disk at once, at home nowhere else, and in the file at the end."""

import os
import signal
import sqlite3
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.journal.inventory import holdings
from flask_kafka_events.journal.slots import SLOT, SLOTS, slots_of
from tests.journals import rows_of, slots_beside
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import Shop

from .disk import ids_on_disk
from .forked import fork, forked
from .test_journal_listing import directory_in
from .test_journal_mending import adopter
from .test_journaling import files, is_law_kept, journaling, process, resume, rows, told


def have_slots(held: Shop) -> Path:
    """Emit, and wait until the next ones have slots; the journal's file."""
    folder = Path(held.app.config["KAFKA_EVENTS_JOURNAL"])
    held.mine.emit("first", topic="firsts")
    (path,) = files(folder)
    wait_until(lambda: slots_of(path).exists(), "there are slots")
    wait_until(lambda: process(held)._keeping._opening.source._hot_end._free, "they can be used")  # noqa: SLF001
    return path


def test_an_event_in_a_slot_is_in_no_file_besides(tmp_path: Path) -> None:
    """It is on disk as the emit returns, and gone as the broker has it; the file isn't touched."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(3):
            held.mine.emit("sold")
        assert len(slots_beside(path)) == 3
        assert len(rows_of(path, "record")) == 1
        assert held.mine.stats().pending == 4
        assert is_law_kept(held)
        resume(held)
        assert held.mine.flush(5)
        assert slots_beside(path) == {}
        assert is_law_kept(held)
    assert list((tmp_path / "shop").iterdir()) == []


def test_another_program_that_holds_the_file_holds_nothing_up(tmp_path: Path) -> None:
    """What has a slot needs no lock of the file's; neither memory nor the log hears of it."""
    with journaling(tmp_path, answers=False, QUEUE_EVENTS=2) as held:
        path = have_slots(held)
        with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
            theirs.execute("BEGIN EXCLUSIVE")
            for _ in range(20):
                held.mine.emit("sold")
            theirs.execute("ROLLBACK")
        assert held.mine.stats().dropped == 0
        assert len(rows(tmp_path)) == 21
        assert is_law_kept(held)


def test_a_full_disk_is_no_matter_to_what_has_a_slot(tmp_path: Path) -> None:
    """Its room was reserved; what has none waits in memory, within the queue's limits."""
    with journaling(tmp_path, answers=False, QUEUE_EVENTS=4) as held:
        have_slots(held)
        with largest_file(0):
            for _ in range(50):
                held.mine.emit("sold")
            held.mine.emit("large", "x" * SLOT, topic="larges")
        assert held.mine.stats().dropped == 0
        assert len(rows(tmp_path)) == 51
        assert process(held).held() == 52
        assert is_law_kept(held)


def test_what_waits_for_its_turn_waits_in_the_file(tmp_path: Path) -> None:
    """Slots are for what is on its way; and a topic that is stuck leaves slots to the others."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(WINDOW_EVENTS + 3):
            held.mine.emit("sold")
        held.mine.emit("sold", topic="another")
        assert len(slots_beside(path)) == WINDOW_EVENTS + 1 < SLOTS
        assert len(rows_of(path, "record")) == 1 + 3
        resume(held)
        assert held.mine.flush(10)
        assert held.mine.stats().delivered == WINDOW_EVENTS + 5
        assert is_law_kept(held)


def test_a_refused_event_leaves_its_slot_for_the_dead_letters(tmp_path: Path) -> None:
    """It is in the file with its reason, and in no slot any more."""
    with journaling(tmp_path) as held:
        path = have_slots(held)
        assert held.mine.flush(5)
        held.producers[0].error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        held.mine.emit("sold")
        wait_until(lambda: held.mine.stats().dead == 1, "it is buried")
        assert slots_beside(path) == {}
        assert len(rows_of(path, "dead")) == 1
        assert is_law_kept(held)
    assert [each.suffix for each in (tmp_path / "shop").iterdir()] == [".dead"]


def test_nothing_is_left_in_slots_at_the_end(tmp_path: Path) -> None:
    """What the broker doesn't have waits in the file, for whoever adopts it."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(5):
            held.mine.emit("sold")
        before = rows(tmp_path)
        held.mine.close(0.1)
        assert not slots_of(path).exists()
        assert list(rows_of(path, "record").values()) == before
        assert held.mine.stats().pending == 6
        assert is_law_kept(held)


def test_what_cannot_be_moved_at_the_end_is_left_in_slots(tmp_path: Path) -> None:
    """The disk is full: the next process finds it there, and the events stay pending."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(5):
            held.mine.emit("sold")
        with largest_file(0):
            held.mine.close(0.1)
        assert held.mine.stats().pending == len(rows(tmp_path)) == 6
        assert len(slots_beside(path)) == 5
        assert is_law_kept(held)
    with journaling(tmp_path) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().delivered == 6, "the heir sends all")
        assert heir.mine.stats().adopted == 6
        assert is_law_kept(heir)
    assert list((tmp_path / "shop").iterdir()) == []


def killed_owner(folder: Path, count: int) -> list[str]:
    """Leave events in the slots of a process that is killed; the ids of all that it emitted."""
    endless = ExitStack()  # it doesn't come to its end

    def emit() -> list[str]:
        held = endless.enter_context(journaling(folder, answers=False))
        have_slots(held)
        for _ in range(count):
            held.mine.emit("sold")
        return rows(folder)

    ids: list[str] = forked(emit, leave=lambda: os.kill(os.getpid(), signal.SIGKILL))
    return ids


def test_what_a_killed_process_had_in_slots_is_sent(tmp_path: Path) -> None:
    """In its order, with its ids, and once."""
    left = killed_owner(tmp_path, 30)
    assert len(left) == 31
    (path,) = files(tmp_path)
    assert len(slots_beside(path)) == 30
    (holding,) = holdings(directory_in(tmp_path))
    assert (holding.state, holding.waiting) == ("left", 31)
    with journaling(tmp_path) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().delivered == 31, "the heir sends all")
        assert [event.id for event in heir.sent()] == left
        assert is_law_kept(heir)
    assert list((tmp_path / "shop").iterdir()) == []


def test_two_adopters_share_nothing(tmp_path: Path) -> None:
    """One has the file with what was in its slots, the other finds nothing."""
    killed_owner(tmp_path, 10)
    with ExitStack() as stack:
        said = [stack.enter_context(adopter(tmp_path)) for _ in range(2)]
        assert sorted(said) == ["[11]", "[]"]


def test_ls_counts_what_a_living_process_has_in_slots(tmp_path: Path) -> None:
    """And tells how old the oldest of them is."""
    with journaling(tmp_path, answers=False) as held:
        have_slots(held)
        for _ in range(4):
            held.mine.emit("sold")
        (holding,) = holdings(directory_in(tmp_path))
        assert (holding.state, holding.waiting) == ("in use", 5)
        assert holding.size > SLOTS * SLOT
        resume(held)
        wait_until(lambda: not rows(tmp_path), "all are sent")
        for producer in held.producers:
            producer.answers = False
        held.mine.emit("sold")
        (holding,) = holdings(directory_in(tmp_path))
        assert holding.waiting == 1
        assert holding.oldest is not None


def test_a_child_leaves_its_parents_slots_alone(tmp_path: Path) -> None:
    """Forked while another thread emits, it has slots of its own; what the parent has stays whole, and is sent once."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        stop = threading.Event()
        other = threading.Thread(target=lambda: emit_until(held, stop), daemon=True)
        other.start()
        children = [child_that_emits(held) for _ in range(5)]
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        other.join()
        pending = held.mine.stats().pending - held.mine.stats().adopted
        assert len(rows_of(path, "record") | slots_beside(path)) == pending
        resume(held)
        wait_until(lambda: held.mine.stats().adopted == 10, "what the children left is adopted", seconds=15)
        assert held.mine.flush(10)
        ids = [event.id for event in held.sent()]
        assert len(ids) == len(set(ids)) == pending + 10
        assert is_law_kept(held)


def emit_until(held: Shop, stop: threading.Event) -> None:
    """Emit, on and on."""
    while not stop.wait(0.001):
        held.mine.emit("sold")


def child_that_emits(held: Shop) -> int:
    """A child that has slots of its own, two events, and an end that lets go of all that it inherited; its pid."""
    child = fork()
    if child:
        return child
    code = 1
    try:
        signal.alarm(30)
        held.producers.clear()
        held.app.extensions["kafka_events"]._factory = None  # noqa: SLF001 - no producer: it stays on disk
        held.mine.emit("childs", topic="firsts")
        own = process(held)._keeping._opening.source  # noqa: SLF001
        wait_until(lambda: own._hot_end._free, "it has slots")  # noqa: SLF001
        held.mine.emit("childs")
        assert len(slots_beside(own.owned.file.path)) == 1
        code = 0
    finally:
        os._exit(code)


def test_damage_to_the_file_leaves_the_slots(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is on its way in slots as the file is found damaged is in the new one, and is sent once."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(WINDOW_EVENTS):
            held.mine.emit("sold")
        held.mine.emit("lost")
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE record SET headers = x'c1' WHERE type = 'lost'")
            db.commit()
        (producer,) = held.producers
        wait_until(lambda: len(producer.waiting) == WINDOW_EVENTS + 1, "all is on its way")
        first, second, *rest = producer.waiting
        producer.waiting = [second]
        producer.answers = True
        wait_until(lambda: held.mine.stats().failed == 1, "the damage is found")
        producer.answers = False
        producer.waiting = [first, *rest]
        wait_until(lambda: bool(files(tmp_path)) and not slots_of(path).exists(), "there is another file")
        wait_until(
            lambda: len(ids_on_disk(tmp_path, "record")) == WINDOW_EVENTS, "it holds all that is on its way"
        )
        assert is_law_kept(held)
        resume(held)
        assert held.mine.flush(5)
        wait_until(lambda: rows(tmp_path) == [], "all is forgotten")
        assert held.mine.stats().delivered == WINDOW_EVENTS + 1
        assert is_law_kept(held)
    assert told(caplog, "was set aside as")


@pytest.mark.parametrize("is_everything", [True, False])
def test_files_that_are_deleted_cost_nothing_that_is_in_slots(tmp_path: Path, is_everything: bool) -> None:
    """The owner writes it into another file, at once or at the end."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(5):
            held.mine.emit("sold")
        before = sorted(rows(tmp_path))
        for each in (tmp_path / "shop").glob("*.journal*" if is_everything else "*-slots"):
            each.unlink()
        wait_until(lambda: ids_on_disk(tmp_path, "record") == set(before), "it is written anew")
        assert is_law_kept(held)
        assert path.exists() is not is_everything
        held.mine.close(0.1)
        assert sorted(rows(tmp_path)) == before
        assert is_law_kept(held)


def test_an_event_that_nobody_would_find_is_written_at_the_very_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deletes the slots as the process ends, before the poller sees it."""
    with journaling(tmp_path, answers=False) as held:
        path = have_slots(held)
        for _ in range(5):
            held.mine.emit("sold")
        hot = process(held)._keeping._opening.source._hot_end  # noqa: SLF001
        monkeypatch.setattr(hot, "tend", lambda *_: None)  # it hasn't looked yet
        slots_of(path).unlink()
        held.mine.close(0.1)
        assert held.mine.stats().pending == len(rows(tmp_path)) == 6
        assert is_law_kept(held)
