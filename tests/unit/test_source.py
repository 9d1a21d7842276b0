"""A journal file's records on their way, drawn without a poller."""

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS, Lane, Window
from flask_kafka_events.delivery.letters import DeadLetters
from flask_kafka_events.delivery.shipment import TOO_LARGE, Shipment
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.event import Record
from flask_kafka_events.journal.directory import JournalDirectory


@pytest.fixture
def told() -> list[str]:
    """What the source says."""
    return []


@pytest.fixture
def source(tmp_path: Path, told: list[str]) -> Iterator[Source]:
    """A source whose window is full, with two records that wait on disk."""
    owned = JournalDirectory(tmp_path, "shop", sync="process", log=AppLog(logging.getLogger)).create()
    made = Source(
        owned, memory=Admission(events=10, size=1_000), windows=defaultdict(Window), tell=told.append
    )
    handed = [shipment(number) for number in range(WINDOW_EVENTS + 2)]
    assert [made.keep(each) for each in handed] == [True] * WINDOW_EVENTS + [False] * 2
    made.settle(handed[0])
    yield made
    made.close()


def shipment(number: int) -> Shipment:
    """A shipment of nothing much."""
    return Shipment(record=Record(id=str(number), type="sold", topic="t", key=None, value=b"v", headers=()))


def test_no_lane_waits_for_less_than_nothing() -> None:
    """A count that went wrong reads nothing: SQLite takes a negative limit for none at all."""
    lane = Lane(window=Window())
    lane.wait(5)
    lane.go(2, 7)
    assert (lane.waiting, lane.bytes) == (0, 0)


def test_what_can_be_read_is_handed_on(source: Source, told: list[str]) -> None:
    """A place in the window that is free again goes to the first that waits."""
    handed: list[Shipment] = []
    assert source.refill(handed.append) == 2
    assert [each.record.id for each in handed] == ["2000", "2001"]
    assert (source.held(), told) == (0, [])


def test_what_is_emitted_meanwhile_does_not_overtake_what_is_handed_on(source: Source) -> None:
    """Until the last one that waited is at the gate, a new one waits behind it."""
    at_once: list[bool] = []
    handed: list[Shipment] = []

    def hand_on(each: Shipment) -> None:
        if not handed:
            at_once.append(source.keep(shipment(WINDOW_EVENTS + 2)))
        handed.append(each)

    for number in range(5):
        source.settle(shipment(number))
    source.refill(hand_on)
    source.refill(hand_on)
    assert at_once == [False]
    assert [each.record.id for each in handed] == ["2000", "2001", "2002"]


def test_what_cannot_be_read_keeps_its_turn(source: Source, told: list[str]) -> None:
    """A damaged row hands nothing on, keeps its count, and is told as the damage that it is."""
    db = sqlite3.connect(source.owned.file.path)
    db.execute("UPDATE record SET headers = x'c1' WHERE id = '2000'")
    db.commit()
    db.close()
    handed: list[Shipment] = []
    assert source.refill(handed.append) == 0
    assert handed == []
    assert source.held() == 2
    assert source.trouble.damage == told[0]
    assert "is damaged" in told[0]


def test_what_cannot_be_deleted_is_deleted_later(source: Source, told: list[str]) -> None:
    """Another program that holds the file makes a flush fail; the next one does what it left."""
    theirs = sqlite3.connect(source.owned.file.path, isolation_level=None)
    theirs.execute("BEGIN IMMEDIATE")
    source.flush()
    assert "database is locked" in told[0]
    theirs.execute("ROLLBACK")
    theirs.close()
    assert source.owned.file.count() == WINDOW_EVENTS + 2
    source.flush()
    assert source.owned.file.count() == WINDOW_EVENTS + 1


def test_a_letter_that_meets_the_end_is_refused(source: Source) -> None:
    """A file that is given up takes no more; the place that the letter took is free again."""
    source.close()
    memory = Admission(events=2, size=1_000)
    letters = DeadLetters(limit=2, memory=memory)
    for number in range(2):
        assert letters.take_unsent(shipment(number), source, TOO_LARGE) is TOO_LARGE
    assert not source.settled


def test_each_letter_has_its_own_end(source: Source) -> None:
    """Who buries one hears of that one alone; the others are told by whoever asks for all."""
    first, second = shipment(1), shipment(2)
    for each in (first, second):
        assert source.bury_unsent(each, TOO_LARGE)
    assert source.settled.end_of(second) is None
    source.flush()
    end = source.settled.end_of(second)
    assert end is not None
    assert end.dead
    assert [each for each, _ in source.settled.ends()] == [first]


def test_what_cannot_be_forgotten_now_is_told(source: Source, told: list[str]) -> None:
    """A file that can't be written raises nothing into the poller's turn, and what it has to forget isn't over."""
    source.owned.file.close()
    source.flush()
    assert told == [f"Journal {source.owned.file.path} is closed."]
    assert source.trouble.is_fresh()
    assert not source.is_spent()
