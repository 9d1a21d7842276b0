"""With `KAFKA_EVENTS_JOURNAL` an event is on disk before anything else happens to it, until the broker has it."""

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from pytest_mock import MockerFixture

from flask_kafka_events import DeliveryTimeout, Event, QueueFull, event_dropped, event_failed
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.file import JournalFile
from tests.journals import Table, ids_in
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop


@contextmanager
def journaling(
    folder: Path,
    *,
    answers: bool = True,
    answer: KafkaError | None = None,
    kind: type[KeepingProducer] = KeepingProducer,
    **settings: Any,
) -> Iterator[Shop]:
    """A shop with a journal in `folder`, whose broker answers or not, or with an error, to producers of that kind."""

    def make(config: dict[str, Any], **more: Any) -> KeepingProducer:
        producer = kind(config, **more)
        producer.answers, producer.error = answers, answer
        return producer

    # Nothing comes of waiting for a broker that doesn't answer.
    patience = 1.0 if answers else 0.1
    how = {"CLOSE_SECONDS": 0.2, **settings}
    with shop(make=make, JOURNAL=str(folder), testing=False, patience=patience, **how) as held:
        yield held


def files(folder: Path, suffix: str = ".journal") -> list[Path]:
    """The shop's files."""
    return sorted((folder / "shop").glob(f"*{suffix}"))


def rows(folder: Path, table: Table = "record") -> list[str]:
    """The ids of all records on disk."""
    return ids_in(folder / "shop", table)


def is_law_kept(held: Shop) -> bool:
    """Whether every event is accounted for, and what is pending is what is held."""
    return held.is_accounted_for() and held.mine.stats().pending == process(held).held()


def process(held: Shop) -> Any:
    """The shop's delivery in this process."""
    return held.app.extensions["kafka_events"].process


def resume(held: Shop) -> None:
    """Let the broker answer again."""
    for producer in held.producers:
        producer.answers = True


def number_of(event: Event) -> Any:
    """The number that the test gave it."""
    data = event.decoded()
    assert isinstance(data, dict)
    return data["number"]


def told(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    """Whether the log says so."""
    return any(text in record.getMessage() for record in caplog.records)


def test_an_event_is_on_disk_when_emit_returns(tmp_path: Path) -> None:
    """Before the broker has it its record is in the file, and afterwards it isn't."""
    with journaling(tmp_path, answers=False) as held:
        for number in range(3):
            held.mine.emit("sold", {"number": number}, key="ana")
        assert len(rows(tmp_path)) == held.mine.stats().pending == 3
        assert is_law_kept(held)
        resume(held)
        assert held.mine.flush(5)
        wait_until(lambda: rows(tmp_path) == [], "the file forgets what the broker has")
        assert held.mine.stats().delivered == 3
        assert is_law_kept(held)
    assert files(tmp_path) == []


def test_nothing_is_made_before_the_first_emit(tmp_path: Path) -> None:
    """An app that emits nothing leaves the disk as it was."""
    with journaling(tmp_path / "journal"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_outage_waits_on_disk_and_is_sent_in_order(tmp_path: Path) -> None:
    """Past the window nothing is in memory; afterwards all arrive in order, with those that came meanwhile behind."""
    total = WINDOW_EVENTS + 700
    with journaling(tmp_path, answers=False) as held:
        for number in range(total):
            held.mine.emit("sold", {"number": number}, key=f"player {number}")
        held.mine.emit("other", topic="another")
        wait_until(lambda: len(held.producers[0].sent) == WINDOW_EVENTS + 1, "the window is full")
        assert len(rows(tmp_path)) == total + 1
        assert process(held).held() == total + 1
        resume(held)
        held.mine.emit("sold", {"number": total}, key="player 0")
        numbers = [number_of(event) for event in held.sent() if event.type == "sold"]
        assert numbers == list(range(total + 1))
        assert is_law_kept(held)


def test_who_waits_for_an_event_on_disk_hears_of_its_end(tmp_path: Path) -> None:
    """`emit(wait=)` returns the delivery of an event whose turn came only after others."""
    with journaling(tmp_path, answers=False) as held:
        for _ in range(WINDOW_EVENTS):
            held.mine.emit("sold")
        with pytest.raises(DeliveryTimeout, match="still pending"):
            held.mine.emit("sold", wait=0.01)
        results: list[Any] = []
        waiting = threading.Thread(target=lambda: results.append(held.mine.emit("sold", wait=20)))
        waiting.start()
        wait_until(lambda: held.mine.stats().emitted == WINDOW_EVENTS + 2, "all are emitted")
        resume(held)
        waiting.join(20)
        assert results[0].topic == "shop_events"


def test_what_an_end_leaves_is_sent_by_the_next_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A close with the broker away leaves the events pending, and who adopts the file sends them, ids unchanged."""
    caplog.set_level(logging.INFO)
    with journaling(tmp_path, answers=False) as held:
        for number in range(WINDOW_EVENTS + 5):
            held.mine.emit("sold", {"number": number})
        with pytest.raises(DeliveryTimeout):
            held.mine.emit("sold", wait=0.01)
        assert not held.mine.close(0.1)
        stats = held.mine.stats()
        assert stats.pending == process(held).held() == WINDOW_EVENTS + 6
        assert stats.dropped == 0
        held.mine.emit("late")
        assert held.mine.stats().dropped_by_reason == {"closed": 1}
        assert is_law_kept(held)
    left = rows(tmp_path)
    assert len(left) == WINDOW_EVENTS + 6
    with journaling(tmp_path) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().delivered == len(left), "the heir sends what was left")
        assert [event.id for event in heir.sent()] == left
        assert heir.mine.stats().adopted == len(left)
        assert is_law_kept(heir)
        wait_until(lambda: files(tmp_path) == [], "the file is gone")
    assert told(caplog, f"with {len(left)} event(s) of a process that ended")


def test_files_of_many_dead_processes_share_a_window(tmp_path: Path) -> None:
    """However many are adopted in an outage, memory holds one window of a topic of theirs, besides one of our own."""
    for left in ("shop", "second", "third"):
        with journaling(tmp_path / left, answers=False) as held:
            for _ in range(WINDOW_EVENTS + 5):
                held.mine.emit("sold")
    for each in (*files(tmp_path / "second"), *files(tmp_path / "third")):
        each.rename(files(tmp_path / "shop")[0].parent / each.name)
    total = 3 * (WINDOW_EVENTS + 5)
    with journaling(tmp_path / "shop", answers=False) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().adopted == total, "all are adopted")
        heir.mine.emit("new")
        wait_until(lambda: heir.producers[0].sent[-1].type == "new", "our own isn't held up by them")
        wait_until(lambda: len(heir.producers[0].sent) > WINDOW_EVENTS, "the window is full")
        turns = heir.producers[0].polls
        wait_until(lambda: heir.producers[0].polls > turns + 3, "it has looked for more to send")
        assert len(heir.producers[0].sent) == WINDOW_EVENTS + 1
        resume(heir)
        wait_until(lambda: heir.mine.stats().delivered == total + 1, "all are sent")
        assert is_law_kept(heir)


def test_what_was_closed_is_not_waited_for_again(tmp_path: Path) -> None:
    """After a close what is left is another process's: the exit, which closes all again, doesn't wait for it."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        held.mine.close(0)
        began = time.monotonic()
        assert not held.mine.close(20)
        assert time.monotonic() - began < 10, "nothing will come of it"
        assert is_law_kept(held)
    assert len(rows(tmp_path)) == 1


def test_who_waits_while_all_is_closed_hears_that_it_is_pending(tmp_path: Path) -> None:
    """The event is safe on disk, so that is no loss but a time-out, and at once."""
    with journaling(tmp_path, answers=False) as held:
        ends: list[BaseException] = []

        def wait() -> None:
            with pytest.raises(DeliveryTimeout) as caught:
                held.mine.emit("sold", wait=60)
            ends.append(caught.value)

        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_until(lambda: held.mine.stats().pending == 1, "it is emitted")
        held.mine.close(0.1)
        waiting.join(5)
        assert "still pending" in str(ends[0])
        assert is_law_kept(held)


@pytest.mark.parametrize("on_full", ["drop", "block", "raise"])
def test_a_full_journal_lets_on_full_decide(tmp_path: Path, on_full: str) -> None:
    """`JOURNAL_MAX_BYTES` is the limit, half of it for one topic."""
    settings: dict[str, Any] = {
        "JOURNAL_MAX_BYTES": 65_536,
        "MAX_EVENT_BYTES": 20_000,
        "ON_FULL": on_full,
        "BLOCK_SECONDS": 0.01,
    }
    with journaling(tmp_path, answers=False, **settings) as held:
        refused = 0
        for _ in range(5):
            try:
                held.mine.emit("sold", "x" * 10_000)
            except QueueFull:
                refused += 1
        stats = held.mine.stats()
        assert refused == (3 if on_full == "raise" else 0)
        assert stats.dropped == (0 if on_full == "raise" else 2)
        assert len(rows(tmp_path)) == stats.pending
        held.mine.emit("sold", "x" * 10_000, topic="another")
        assert held.mine.stats().pending == stats.pending + 1
        assert is_law_kept(held)


def test_a_refused_event_becomes_a_dead_letter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is kept with the broker's reason, told as failed, and holds nobody up."""
    losses: list[Any] = []
    with journaling(tmp_path) as held:
        with event_failed.connected_to(lambda _, loss: losses.append(loss), sender=held.app):
            held.mine.start()
            wait_until(lambda: bool(held.producers), "there is a producer")
            held.producers[0].error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
            held.mine.emit("sold")
            wait_until(lambda: held.mine.stats().dead == 1, "it is buried")
            held.producers[0].error = None
            held.mine.emit("sold")
            assert held.mine.flush(5)
        assert held.mine.stats().delivered == 1
        assert is_law_kept(held)
    assert [(loss.dead, loss.dropped, loss.reason) for loss in losses] == [
        (True, False, "TOPIC_AUTHORIZATION_FAILED")
    ]
    assert rows(tmp_path, "dead") == [losses[0].id]
    assert files(tmp_path) == []
    assert told(caplog, "1 event(s) kept as dead letters (TOPIC_AUTHORIZATION_FAILED)")


def test_an_event_too_large_is_a_dead_letter(tmp_path: Path) -> None:
    """One that the limit refuses here, before the broker, is kept too; after the close it is only counted."""
    with journaling(tmp_path, MAX_EVENT_BYTES=1024) as held:
        held.mine.emit("sold", "x" * 1000)
        assert held.mine.stats().dead == 1
        held.mine.close()
        held.mine.emit("sold", "x" * 1000)
        assert held.mine.stats().failed_by_reason == {"too_large": 1}
        assert is_law_kept(held)
    assert len(rows(tmp_path, "dead")) == 1


def test_dead_letters_have_a_limit_too(tmp_path: Path) -> None:
    """Past it they are counted as failed, so that refused events can't fill the disk."""
    with journaling(tmp_path, MAX_EVENT_BYTES=20_000, JOURNAL_MAX_BYTES=65_536) as held:
        for _ in range(3):
            held.mine.emit("sold", "x" * 19_900)
        stats = held.mine.stats()
        assert (stats.dead, stats.failed) == (1, 2)


def test_a_directory_that_cannot_be_used_leaves_requests_unharmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Events go by memory then, up to its limits, and the log says the next step."""
    (tmp_path / "file").touch()
    with journaling(tmp_path / "file", answers=False, QUEUE_EVENTS=4) as held:
        for _ in range(3):
            held.mine.emit("sold")
        held.mine.emit("sold", "x" * 999_999)
        stats = held.mine.stats()
        assert stats.dropped_by_reason == {"queue_full": 1}
        assert stats.failed_by_reason == {"too_large": 1}
        assert stats.pending == 2
        resume(held)
        assert held.mine.flush(5)
        assert is_law_kept(held)
    assert told(caplog, "can't be used: Not a directory. There can't be a directory of that path")


def test_a_file_that_cannot_be_written_lets_events_wait_in_memory_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those before are on disk, those after too; all arrive in order, and what has no room is dropped and counted."""
    with journaling(tmp_path, answers=False, QUEUE_EVENTS=20, JOURNAL_SYNC="power") as held:
        for number in range(WINDOW_EVENTS + 10):
            held.mine.emit("sold", {"number": number})
        theirs = sqlite3.connect(files(tmp_path)[0], isolation_level=None)
        theirs.execute("BEGIN IMMEDIATE")
        for number in range(12):
            held.mine.emit("sold", {"number": WINDOW_EVENTS + 10 + number})
        held.mine.emit("other", topic="another")
        theirs.execute("ROLLBACK")
        theirs.close()
        assert held.mine.stats().dropped_by_reason == {"queue_full": 2}
        assert is_law_kept(held)
        wait_until(lambda: _written(held), "the file is written again")
        resume(held)
        numbers = [number_of(event) for event in held.sent() if event.type == "sold"]
        assert [number for number in numbers if number is not None] == list(range(WINDOW_EVENTS + 20))
        assert held.mine.flush(5)
        assert is_law_kept(held)
    assert told(caplog, "database is locked. Another program uses it: end that one. Events wait in memory")


def _written(held: Shop) -> bool:
    held.mine.emit("probe", {"number": None}, topic="probes")
    return any("probes" in str(row) for row in _topics(held))


def _topics(held: Shop) -> list[Any]:
    found: list[Any] = []
    for path in files(Path(held.app.config["KAFKA_EVENTS_JOURNAL"])):
        db = sqlite3.connect(path)
        found += db.execute("SELECT DISTINCT topic FROM record").fetchall()
        db.close()
    return found


def test_a_full_disk_costs_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What can't be written waits in memory, also where not even the file could be made; the log says what to do."""
    with journaling(tmp_path, answers=False) as held:
        with largest_file(0):
            held.mine.emit("sold")
        assert rows(tmp_path) == []
        wait_until(lambda: _written(held), "the disk is used once it has room")
        with largest_file(0):
            held.mine.emit("sold", "x" * 100_000)
        resume(held)
        assert held.mine.flush(5)
        assert held.types().count("sold") == 2
        assert is_law_kept(held)
    assert files(tmp_path) == []
    assert told(caplog, "Events wait in memory, up to KAFKA_EVENTS_QUEUE_EVENTS.")


def test_a_damaged_orphan_waits_for_room_on_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not set aside before what can be read of it is safe elsewhere."""
    with journaling(tmp_path, answers=False) as held:
        for _ in range(50):
            held.mine.emit("sold", "x" * 1_000)
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[28_672:32_768] = b"\xff" * 4_096
    path.write_bytes(content)
    with journaling(tmp_path) as heir:
        nonsense = path.with_name("nonsense.journal")
        nonsense.write_text("nonsense " * 1_000)
        with largest_file(0):
            assert process(heir).adopt() == 0
        assert files(tmp_path) == [path, nonsense]
        assert told(caplog, "Make room on the disk, or have it checked.")
        assert 0 < process(heir).adopt() < 50
        assert heir.mine.flush(5) is False
        heir.mine.start()
        assert heir.mine.flush(5)
        assert is_law_kept(heir)
    assert files(tmp_path, ".corrupt") == [each.with_suffix(".corrupt") for each in (path, nonsense)]


def test_files_are_adopted_also_while_no_producer_can_be_built(tmp_path: Path) -> None:
    """A wrong configuration is no reason to leave what dead processes left unguarded."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")

    class Unbuildable(KeepingProducer):
        def __init__(self, config: dict[str, Any], **more: Any) -> None:
            super().__init__(config, **more)
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG))  # noqa: SLF001 - a public name

    with journaling(tmp_path, kind=Unbuildable) as heir:
        process(heir).start()
        wait_until(lambda: heir.mine.stats().adopted == 1, "it is adopted while the configuration is wrong")
        assert is_law_kept(heir)
    assert len(rows(tmp_path)) == 1


def test_a_directory_that_goes_while_it_is_looked_at_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mocker: MockerFixture
) -> None:
    """Nothing is adopted then, and the next look tries again."""
    with journaling(tmp_path) as held:
        mocker.patch.object(JournalDirectory, "orphans", side_effect=JournalError("The directory is gone."))
        assert process(held).adopt() == 0
        mocker.stopall()
    assert told(caplog, "The directory is gone.")


def test_a_closed_app_adopts_nothing(tmp_path: Path) -> None:
    """It couldn't send it, and would keep it from those that can."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
    with journaling(tmp_path) as closed:
        closed.mine.close()
        assert process(closed).adopt() == 0
        with journaling(tmp_path) as heir:
            assert process(heir).adopt() == 1


def test_a_file_deleted_right_before_the_end_is_written_anew(tmp_path: Path) -> None:
    """The close doesn't wait for the next look at the file's place."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        process(held).refuse_later()
        shutil.rmtree(tmp_path / "shop")
    assert len(rows(tmp_path)) == 1


def test_what_waits_in_memory_behind_the_window_is_told_at_the_end(tmp_path: Path) -> None:
    """The disk was full when it came, so that nobody else can send it."""
    with journaling(tmp_path, answers=False) as held:
        for _ in range(WINDOW_EVENTS + 1):
            held.mine.emit("sold")
        with largest_file(0):
            for _ in range(5):
                held.mine.emit("sold")
            assert not held.mine.close(0.2)
        assert held.mine.stats().dropped_by_reason == {"closed": 5}
        assert held.mine.stats().pending == len(rows(tmp_path)) == WINDOW_EVENTS + 1
        assert is_law_kept(held)


def test_an_emit_that_meets_the_end_is_on_disk_or_told(tmp_path: Path, mocker: MockerFixture) -> None:
    """One that is being written as the file is given up is waited for: its row would be gone with the file."""
    writes, counts, written = threading.Event(), threading.Event(), threading.Event()
    append, count_dead = JournalFile.append, JournalFile.count_dead

    def slow_append(file: JournalFile, entries: Any) -> None:
        writes.set()
        counts.wait(1)
        append(file, entries)
        written.set()

    def noted_count(file: JournalFile) -> int:
        counts.set()
        written.wait(1)
        return count_dead(file)

    with journaling(tmp_path, JOURNAL_SYNC="power") as held:
        held.mine.emit("first", wait=5)
        wait_until(lambda: not rows(tmp_path), "the first one's row is deleted, which the end may not get to")
        mocker.patch.object(JournalFile, "append", slow_append)
        mocker.patch.object(JournalFile, "count_dead", noted_count)
        late = threading.Thread(target=held.mine.emit, args=("late",))
        late.start()
        assert writes.wait(10)
        held.mine.close(0.1)
        late.join()
        mocker.stopall()
        stats = held.mine.stats()
        assert stats.pending == len(rows(tmp_path))
        assert stats.delivered + stats.dropped + stats.pending == 2


def test_memory_alone_adopts_nothing() -> None:
    """An app without a journal has nothing to adopt."""
    with shop() as held:
        assert process(held).adopt() == 0
        assert not process(held).may_adopt_more()


def test_a_window_that_is_full_in_memory_refuses_at_once(tmp_path: Path) -> None:
    """While the file can't be written, one topic may hold half of the queue's limit."""
    with journaling(tmp_path, answers=False, QUEUE_EVENTS=4) as held:
        held.mine.emit("sold")
        theirs = sqlite3.connect(files(tmp_path)[0], isolation_level=None)
        theirs.execute("BEGIN IMMEDIATE")
        for _ in range(4):
            held.mine.emit("sold")
        theirs.execute("ROLLBACK")
        theirs.close()
        assert held.mine.stats().dropped_by_reason == {"queue_full": 2}
        held.mine.close(0.1)
        assert held.mine.stats().dropped_by_reason == {"queue_full": 2, "closed": 2}
        assert is_law_kept(held)
    assert len(rows(tmp_path)) == 1


def test_a_file_deleted_under_its_owner_is_written_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who tidies up costs nothing: the next file has all that the deleted one had."""
    with journaling(tmp_path, answers=False) as held:
        for _ in range(WINDOW_EVENTS + 5):
            held.mine.emit("sold")
        first = rows(tmp_path)
        shutil.rmtree(tmp_path / "shop")
        wait_until(lambda: bool(files(tmp_path)), "there is a file again")
        wait_until(lambda: told(caplog, "was damaged, moved or deleted while in use"), "the log says so")
        held.mine.emit("sold")
        assert rows(tmp_path)[:-1] == first
        resume(held)
        assert held.mine.flush(5)
        assert len(held.producers[0].sent) == WINDOW_EVENTS + 6
        assert is_law_kept(held)
    assert list((tmp_path / "shop").iterdir()) == []


def test_a_file_damaged_under_its_owner_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in memory is sent, what can be read of the rest too, and what can't is counted as lost."""
    with journaling(tmp_path, answers=False) as held:
        for number in range(WINDOW_EVENTS + 2_000):
            held.mine.emit("sold", {"number": number, "text": "x" * 500})
        (path,) = files(tmp_path)
        db = sqlite3.connect(path)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        span = (WINDOW_EVENTS + 50, WINDOW_EVENTS + 60)
        db.execute("UPDATE record SET headers = x'c1' WHERE seq BETWEEN ? AND ?", span)
        db.commit()
        db.close()
        resume(held)
        assert held.mine.flush(20)
        stats = held.mine.stats()
        assert stats.failed_by_reason == {"journal_damaged": 11}
        numbers = [number_of(event) for event in held.sent()]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == stats.delivered == WINDOW_EVENTS + 2_000 - 11
        assert is_law_kept(held)
        held.mine.emit("sold")
        assert held.mine.flush(5)
    assert [each.suffix for each in (tmp_path / "shop").iterdir() if "-" not in each.suffix] == [".corrupt"]
    assert told(caplog, "It was set aside as")
    assert told(caplog, "11 event(s) lost (journal_damaged)")


def test_a_directory_that_goes_away_for_good_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that can't be written anew is tried again, and the events that are in memory arrive all the same."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        shutil.rmtree(tmp_path / "shop")
        (tmp_path / "shop").touch()
        wait_until(lambda: told(caplog, "File exists"), "the log says so")
        resume(held)
        assert held.mine.flush(5)
        assert is_law_kept(held)


def test_threads_share_a_sync(tmp_path: Path) -> None:
    """With `JOURNAL_SYNC = "power"` concurrent emits are written together, each in its thread's order."""
    with journaling(tmp_path, answers=False, JOURNAL_SYNC="power") as held:

        def emit(thread: int) -> None:
            for number in range(50):
                held.mine.emit("sold", {"number": number}, key=str(thread))

        threads = [threading.Thread(target=emit, args=(each,)) for each in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(rows(tmp_path)) == 400
        resume(held)
        sent = held.sent()
        for thread in range(8):
            assert [number_of(e) for e in sent if e.key == str(thread)] == list(range(50))


def test_an_emit_of_a_receiver_waits_like_any_other(tmp_path: Path) -> None:
    """An event about a lost event is written too, and its own end isn't announced to the same receiver."""
    with journaling(tmp_path, answers=False, JOURNAL_MAX_BYTES=65_536) as held:
        receiver = lambda app, loss: held.mine.emit("complaint", topic="complaints")  # noqa: E731, ARG005
        with event_dropped.connected_to(receiver, sender=held.app):
            for _ in range(4):
                held.mine.emit("sold", "x" * 10_000)
        assert held.mine.stats().pending == 4
        resume(held)
        assert held.mine.flush(5)
        assert held.types().count("complaint") == 1


def test_a_forked_child_has_a_file_of_its_own(tmp_path: Path) -> None:
    """What a child emits and leaves with os._exit is adopted by its living parent."""
    with journaling(tmp_path) as held:
        held.mine.emit("sold")
        assert held.mine.flush(5)
        child = os.fork()
        if child == 0:
            held.producers.clear()
            held.app.extensions["kafka_events"].factory = None  # no producer: it stays on disk
            held.mine.emit("childs")
            os._exit(0)
        os.waitpid(child, 0)
        wait_until(lambda: "childs" in held.types(), "the parent sends it", seconds=15)
        assert held.mine.stats().adopted == 1
        assert is_law_kept(held)
