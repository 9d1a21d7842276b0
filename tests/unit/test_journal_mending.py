"""A file that is damaged under its owner: what is lost with it is given up everywhere, and told to whoever waits."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from flask_kafka_events import DeliveryFailed
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from tests.processes import wait_until
from tests.sending import Shop

from .test_journaling import files, is_law_kept, journaling, resume, rows, told

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
    assert len(rows(tmp_path, "dead")) == 2
