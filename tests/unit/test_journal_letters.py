"""An event that is refused for good is a dead letter once the file has it, and until then it is pending."""

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from pytest_mock import MockerFixture

from flask_kafka_events import DeliveryTimeout
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.delivery.settled import BATCH
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.owned import OwnedJournal
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import Shop

from .test_journaling import files, is_law_kept, journaling, number_of, process, resume, rows, told

REFUSAL = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
LIMITS: dict[str, Any] = {"MAX_EVENT_BYTES": 20_000, "QUEUE_EVENTS": 4}


def has_written(held: Shop) -> None:
    """Have the file made and something in it."""
    held.mine.emit("first")
    assert held.mine.flush(5)


def test_an_event_too_large_is_pending_while_the_disk_is_full(tmp_path: Path) -> None:
    """It is a dead letter as soon as there is room, and not before; two of one topic may wait in memory for it."""
    with journaling(tmp_path, **LIMITS) as held:
        has_written(held)
        with largest_file(0):
            for _ in range(3):
                held.mine.emit("sold", "x" * 19_900)
            stats = held.mine.stats()
            assert (stats.dead, stats.pending, stats.failed_by_reason) == (0, 2, {"too_large": 1})
            assert is_law_kept(held)
            assert rows(tmp_path, "dead") == []
        assert held.mine.flush(5)
        assert held.mine.stats().dead == len(rows(tmp_path, "dead")) == 2
        assert is_law_kept(held)
        for _ in range(2):
            held.mine.emit("sold", "x" * 19_900)
        assert held.mine.stats().dead == 4


def test_an_event_too_large_that_no_file_ever_took_is_counted_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the disk stays full it is failed, with its reason, and the log says so."""
    with journaling(tmp_path, **LIMITS) as held:
        has_written(held)
        with largest_file(0):
            held.mine.emit("sold", "x" * 19_900)
            assert held.mine.stats().pending == 1
            held.mine.close(0.1)
        stats = held.mine.stats()
        assert (stats.dead, stats.pending, stats.failed_by_reason) == (0, 0, {"too_large": 1})
        assert is_law_kept(held)
    assert rows(tmp_path, "dead") == []
    assert told(caplog, "1 event(s) lost (too_large)")


def test_an_event_refused_while_the_disk_is_full_is_left_to_the_next(tmp_path: Path) -> None:
    """Its row is in the file: it stays pending, who waits for it hears that, and the next process buries it."""
    with journaling(tmp_path, answers=False, answer=REFUSAL) as held:
        with pytest.raises(DeliveryTimeout):
            held.mine.emit("sold", wait=0)
        with largest_file(0):
            resume(held)
            wait_until(lambda: not held.producers[0].waiting, "it is refused")
            assert held.mine.stats().dead == 0
            assert is_law_kept(held)
            held.mine.close(0.1)
        assert held.mine.stats().pending == len(rows(tmp_path)) == 1
        assert is_law_kept(held)
    with journaling(tmp_path, answer=REFUSAL) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().dead == 1, "it is buried")
        assert is_law_kept(heir)
    assert len(rows(tmp_path, "dead")) == 1


def test_refusals_that_cannot_be_written_do_not_pile_up(tmp_path: Path) -> None:
    """Where the broker refuses all and the disk is full, what waits on disk stays there until there is room."""
    total = WINDOW_EVENTS + 5 * BATCH
    with journaling(tmp_path, answers=False, answer=REFUSAL) as held:
        for _ in range(total):
            held.mine.emit("sold")
        (producer,) = held.producers
        with largest_file(0):
            resume(held)
            wait_until(
                lambda: len(producer.sent) >= WINDOW_EVENTS and not producer.waiting, "all are refused"
            )
            turns = producer.polls
            wait_until(lambda: producer.polls > turns + 3, "it has looked for more to send")
            assert len(producer.sent) <= WINDOW_EVENTS + 2 * BATCH
            assert is_law_kept(held)
        assert held.mine.flush(10)
        assert held.mine.stats().dead == total
        assert is_law_kept(held)


def test_what_ends_while_the_file_is_copied_is_in_the_copy(tmp_path: Path, mocker: MockerFixture) -> None:
    """Dead letters and deletions wait for the new file: in the old one they would be lost."""
    with journaling(tmp_path, answers=False, MAX_EVENT_BYTES=20_000) as held:
        held.mine.emit("sold")
        copy, seen = JournalDirectory.copy, list[tuple[int, bool]]()

        def busy_copy(directory: JournalDirectory, file: JournalFile) -> OwnedJournal:
            made = copy(directory, file)
            held.mine.emit("sold", "x" * 19_900)
            seen.append((held.mine.stats().dead, is_law_kept(held)))
            return made

        mocker.patch.object(JournalDirectory, "copy", busy_copy)
        (path,) = files(tmp_path)
        path.unlink()
        wait_until(lambda: held.mine.stats().dead == 1, "it is buried")
        assert seen == [(0, True)]
        assert len(rows(tmp_path, "dead")) == 1
        resume(held)
        assert held.mine.flush(5)
        wait_until(lambda: rows(tmp_path) == [], "the new file forgets what the broker has")
        assert is_law_kept(held)


def test_what_the_broker_refuses_has_a_limit_too(tmp_path: Path) -> None:
    """Past half of it for one topic it is counted as failed."""
    settings: dict[str, Any] = {"MAX_EVENT_BYTES": 20_000, "JOURNAL_MAX_BYTES": 65_536}
    with journaling(tmp_path, answer=REFUSAL, **settings) as held:
        for _ in range(3):
            held.mine.emit("sold", "x" * 12_000)
            assert held.mine.flush(5)
        stats = held.mine.stats()
        assert (stats.dead, stats.failed_by_reason) == (2, {"TOPIC_AUTHORIZATION_FAILED": 1})
        assert is_law_kept(held)
    assert len(rows(tmp_path, "dead")) == 2


def test_an_event_too_large_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Those that wait on disk for their turn as it comes are sent when it is theirs."""
    with journaling(tmp_path, answers=False, MAX_EVENT_BYTES=20_000) as held:
        for number in range(WINDOW_EVENTS + 3):
            held.mine.emit("sold", {"number": number})
        held.mine.emit("sold", "x" * 19_900)
        resume(held)
        assert held.mine.flush(10)
        assert [number_of(event) for event in held.sent()] == list(range(WINDOW_EVENTS + 3))
        assert process(held).held() == 0
