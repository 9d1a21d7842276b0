"""Who waits behind the window for an event that is on disk alone: remembered as long as they wait, and told its end."""

import gc
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from pytest_mock import MockerFixture

from flask_kafka_events import DeliveryFailed, DeliveryTimeout, Loss, event_failed
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.journal.claim import Claim
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import Shop

from .test_journal_mending import adopter, fill_window
from .test_journaling import files, is_law_kept, journaling, process, resume, rows


@pytest.fixture
def ends() -> list[Any]:
    """What `emit(wait=)` gave or raised, in another thread."""
    return []


def waiting(held: Shop, ends: list[Any], *, seconds: float = 60) -> threading.Thread:
    """A thread that emits an event and waits for its end."""

    def wait() -> None:
        try:
            ends.append(held.mine.emit("awaited", wait=seconds))
        except (DeliveryFailed, DeliveryTimeout) as error:
            ends.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def waiters() -> int:
    """How many futures there are."""
    gc.collect()
    return sum(isinstance(each, Future) for each in gc.get_objects())


def test_who_gives_up_leaves_nothing_in_memory(tmp_path: Path) -> None:
    """However many emitters run out of time in an outage, none of them is remembered."""
    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        before = waiters()
        for _ in range(20):
            with pytest.raises(DeliveryTimeout):
                held.mine.emit("sold", wait=0)
        assert waiters() == before
        resume(held)
        assert held.mine.flush(5)
        assert is_law_kept(held)


def test_an_end_that_comes_before_its_write_returns_is_told(
    tmp_path: Path, mocker: MockerFixture, ends: list[Any]
) -> None:
    """The poller may read a row, and the broker have it, while its emitter is still in the commit."""
    append = JournalFile.append

    def slow(file: JournalFile, entries: Sequence[Entry]) -> None:
        append(file, entries)
        resume(held)
        wait_until(lambda: held.mine.stats().pending == 0, "all are delivered")

    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        mocker.patch.object(JournalFile, "append", slow)
        waiting(held, ends, seconds=1).join(20)
        mocker.stopall()
        assert ends[0].topic == "shop_events"
        assert is_law_kept(held)


def test_a_close_tells_who_waits_behind_the_window(tmp_path: Path, ends: list[Any]) -> None:
    """As it tells those whose events are on their way: the event is pending, and at once."""
    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        thread = waiting(held, ends)
        wait_until(lambda: len(rows(tmp_path)) == WINDOW_EVENTS + 1, "it is on disk")
        held.mine.close(0.1)
        thread.join(5)
        assert "still pending" in str(ends[0])
        assert is_law_kept(held)


def test_who_waits_for_what_another_process_took_is_told(
    tmp_path: Path, mocker: MockerFixture, ends: list[Any]
) -> None:
    """That one sends it: it is pending, and this is known at once."""
    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        thread = waiting(held, ends)
        wait_until(lambda: len(rows(tmp_path)) == WINDOW_EVENTS + 1, "it is on disk")
        mocker.patch.object(Claim, "is_in_place", return_value=True)  # it hasn't looked yet
        (lock,) = files(tmp_path, ".lock")
        lock.unlink()
        with adopter(tmp_path):
            mocker.stopall()
            thread.join(10)
            assert "still pending" in str(ends[0])
            assert held.mine.stats().dropped_by_reason == {"journal_taken": 1}
            assert "losses" not in [reason.code for reason in held.mine.health().reasons]
            assert is_law_kept(held)


def test_an_event_on_disk_keeps_where_it_was_emitted(tmp_path: Path) -> None:
    """Its own end isn't announced to the receiver that emitted it."""
    losses: list[str] = []

    def complain(_: object, loss: Loss) -> None:
        losses.append(loss.type)
        if loss.type == "unspeakable":
            held.mine.emit("complaint")

    refusal = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with journaling(tmp_path, answers=False, answer=refusal) as held:
        fill_window(held)
        with event_failed.connected_to(complain, sender=held.app):
            held.mine.emit("unspeakable", float("nan"))
            held.mine.emit("last")
            resume(held)
            assert held.mine.flush(10)
        assert held.mine.stats().dead == WINDOW_EVENTS + 2
        assert losses == ["unspeakable", *["sold"] * WINDOW_EVENTS, "last"]
        assert is_law_kept(held)


@pytest.mark.parametrize(
    ("end", "told"),
    [(resume, lambda end: end.topic), (lambda held: held.mine.close(0.1), lambda end: end.reason)],
    ids=["sent", "closed"],
)
def test_who_waits_for_an_event_in_memory_is_told_its_own_end(
    tmp_path: Path, ends: list[Any], end: Callable[[Shop], object], told: Callable[[Any], str]
) -> None:
    """Where the disk was full nobody else sends it: it is delivered or lost, never left pending."""
    with journaling(tmp_path, answers=False) as held:
        fill_window(held)
        with largest_file(0):
            thread = waiting(held, ends)
            wait_until(lambda: process(held).held() == WINDOW_EVENTS + 1, "it is accepted")
            assert len(rows(tmp_path)) == WINDOW_EVENTS
            end(held)
            thread.join(10)
        assert told(ends[0]) in ("shop_events", "closed")
        assert is_law_kept(held)
