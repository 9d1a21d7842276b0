"""`journal replay` and `journal dead retry` to their end: interrupted, refused, or not allowed to send."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from tests.processes import wait_until
from tests.sending import Acknowledged, Shop
from tests.unit.test_journal_commands import left, refused, run
from tests.unit.test_journaling import files, is_law_kept, journaling, rows

REFUSES = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)


@contextmanager
def interrupted(held: Shop, *, sent: int) -> Iterator[None]:
    """Ctrl-C as soon as the broker has acknowledged one of so many events."""

    def interrupt() -> None:
        wait_until(
            lambda: bool(held.producers) and len(held.producers[0].waiting) == sent, "all are handed on"
        )
        report, number = held.producers[0].waiting.pop(0)
        report(None, Acknowledged(number))
        wait_until(lambda: held.mine.stats().delivered == 1, "one is delivered")
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    person = threading.Thread(target=interrupt)
    person.start()
    try:
        yield
    finally:
        person.join(20)
        signal.signal(signal.SIGINT, before)


def test_an_interrupted_replay_tells_how_far_it_is(tmp_path: Path) -> None:
    """Ctrl-C ends it soon, says how many were sent and that the others are kept; the next replay sends those."""
    left(tmp_path, 3)
    ids = rows(tmp_path)
    with journaling(tmp_path, answers=False, CLOSE_SECONDS=30) as held, interrupted(held, sent=3):
        began = time.monotonic()
        said = run(held, "replay", status=1)
        held.mine.close()  # as the exit does
        assert time.monotonic() - began < 15, "it doesn't wait for CLOSE_SECONDS"
        assert said == (
            f"Sent 1 event(s).\nError: Interrupted: what wasn't sent still waits in {tmp_path / 'shop'}. Replay again, or "
            f"leave it to the app's next process.\n"
        )
        assert is_law_kept(held)
    assert rows(tmp_path) == ids[1:]
    with journaling(tmp_path) as held:
        assert run(held, "replay") == "Sent 2 event(s).\n"


def test_dead_letters_that_are_refused_again_are_told(tmp_path: Path) -> None:
    """`dead retry` fails then, says how many, and they are dead letters as before."""
    refused(tmp_path, 2)
    ids = rows(tmp_path, "dead")
    with journaling(tmp_path, answer=REFUSES) as held:
        said = run(held, "dead", "retry", status=1)
        assert f"2 event(s) were refused and are dead letters in {tmp_path / 'shop'} now: " in said
    assert rows(tmp_path, "dead") == ids


def test_what_is_refused_and_finds_no_room_is_told_as_lost(tmp_path: Path) -> None:
    """Past `JOURNAL_MAX_BYTES` a dead letter is counted as failed: the command says how many, and why."""
    with journaling(tmp_path, answers=False) as held:
        for _ in range(4):
            held.mine.emit("sold", {"text": "x" * 12_000})
    with journaling(tmp_path, answer=REFUSES, JOURNAL_MAX_BYTES=65_536, MAX_EVENT_BYTES=20_000) as held:
        said = run(held, "replay", status=1)
        stats = held.mine.stats()
        assert (stats.dead, stats.failed) == (2, 2)
        assert "2 event(s) were refused and are dead letters in" in said
        assert "2 event(s) were refused and are lost (TOPIC_AUTHORIZATION_FAILED): " in said
    assert len(rows(tmp_path, "dead")) == 2


@pytest.mark.parametrize("words", [("replay",), ("dead", "retry")], ids=" ".join)
def test_an_app_that_is_switched_off_sends_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The message names the setting, and nothing is changed: a dead letter stays one."""
    dead, waits = refused(tmp_path, 1), left(tmp_path, 1)
    with journaling(tmp_path, ENABLED=False) as held:
        said = run(held, *words, status=1)
        assert held.producers == []
    assert said == (
        "Error: App 'shop' sends nothing, for KAFKA_EVENTS_ENABLED is False; nothing was changed. Set it to True for this "
        "command.\n"
    )
    assert (files(tmp_path), files(tmp_path, ".dead")) == ([waits], [dead])


def test_dead_letters_stay_where_no_broker_is_named(tmp_path: Path) -> None:
    """`dead retry` looks at that first."""
    path = refused(tmp_path, 1)
    with journaling(tmp_path, BOOTSTRAP_SERVERS=None) as held:
        assert "KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set" in run(held, "dead", "retry", status=1)
    assert files(tmp_path, ".dead") == [path]


def test_a_replay_of_what_cannot_be_read_is_no_success(tmp_path: Path) -> None:
    """A file of a newer version, say: that nothing else waits isn't all."""
    path = left(tmp_path, 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with journaling(tmp_path) as held:
        assert "1 file(s) can't be read: `flask kafka-events journal ls` says why." in run(
            held, "replay", status=1
        )
