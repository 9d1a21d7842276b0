"""The small parts of delivery, by themselves."""

import gc
import logging
import threading
from typing import cast

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException
from pytest_mock import MockerFixture

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery import exits
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.gate import FEED_BATCH, Gate
from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.delivery.trouble import Trouble
from flask_kafka_events.event import Record
from flask_kafka_events.log_line import Line
from flask_kafka_events.reminders import REMEMBERED, Reminders
from flask_kafka_events.sampling import kept


def shipment(topic: str = "t") -> Shipment:
    """A shipment of nothing much."""
    return Shipment(record=Record(id="1", type="x", topic=topic, key=None, value=b"v", headers=()))


class Refusing:
    """A producer whose next produce raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.taken: list[str] = []

    def produce(self, topic: str, *_: object, **__: object) -> None:
        """Take a message, or raise."""
        if self.error is not None:
            raise self.error
        self.taken.append(topic)

    def __len__(self) -> int:
        return len(self.taken)


def gate_with(error: BaseException | None, waiting: int = 1) -> tuple[Gate, Refusing]:
    """A gate before such a producer, with shipments that wait."""
    gate = Gate(knows=lambda topic: topic == "t", report=lambda *_: None, scrubbed=str)
    producer = Refusing(error)
    for _ in range(waiting):
        assert gate.accept(shipment()) is None
    gate.connect(producer)  # type: ignore[arg-type]  # what a gate asks of a producer
    return gate, producer


def test_full_librdkafka_queue_keeps_the_order() -> None:
    """A BufferError leaves the shipment at the front, and what comes later waits behind it."""
    gate, producer = gate_with(BufferError())
    assert gate.feed() == (0, [])
    producer.error = None
    assert gate.accept(shipment()) is None
    assert producer.taken == []
    assert gate.feed() == (2, [])
    assert gate.accept(shipment()) is None
    assert len(producer) == 3
    producer.error = BufferError()
    assert gate.accept(shipment()) is None
    assert gate.held() == 4


def test_refused_shipment_does_not_block_the_others() -> None:
    """What librdkafka refuses for good is given back with its reason, waiting or not."""
    error = KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
    gate, producer = gate_with(error)
    moved, refused = gate.feed()
    assert (moved, [end.reason for _, end in refused]) == (1, ["MSG_SIZE_TOO_LARGE"])
    end = gate.accept(shipment())
    assert end is not None
    assert "max.message.bytes" in end.explanation
    assert producer.taken == []


def test_fatal_producer_takes_nothing_more() -> None:
    """A fatal error at produce marks the gate as broken; the shipment waits for the next producer."""
    gate, _ = gate_with(KafkaException(KafkaError(KafkaError._FATAL)))  # noqa: SLF001 - a public name
    assert gate.feed() == (0, [])
    assert gate.broken
    assert gate.held() == 1


def test_gate_without_a_producer_lets_everything_wait() -> None:
    """Before the first producer, and between two, feeding moves nothing."""
    gate = Gate(knows=lambda _: True, report=lambda *_: None, scrubbed=str)
    assert gate.feed() == (0, [])
    gate.accept(shipment())
    assert gate.feed() == (0, [])
    gate.disconnect()
    assert gate.held() == 1


def test_long_line_is_fed_in_batches() -> None:
    """One hold of the lock passes on a batch at most, and an unknown topic holds up those behind it."""
    gate, producer = gate_with(None, waiting=FEED_BATCH + 1)
    gate.accept(shipment("unknown"))
    assert gate.feed() == (FEED_BATCH, [])
    assert gate.feed() == (1, [])
    assert gate.first_topic() == "unknown"
    assert len(producer) == FEED_BATCH + 1


def test_put_back_shipments_go_first() -> None:
    """What a broken producer gives back goes ahead of all that came later."""
    gate = Gate(knows=lambda _: True, report=lambda *_: None, scrubbed=str)
    first, second = shipment(), shipment()
    gate.accept(first)
    assert gate.take_waiting() == [first]
    gate.accept(second)
    gate.put_back([first])
    assert gate.take_waiting() == [first, second]


def test_blocked_emit_gets_the_place_that_is_freed() -> None:
    """enter(timeout) waits for a place, and gives up at its end."""
    admission = Admission(events=2, size=100)
    assert admission.enter("t", 10)
    assert not admission.enter("t", 10, timeout=0.01)
    entered: list[bool] = []
    waiting = threading.Thread(target=lambda: entered.append(admission.enter("t", 10, timeout=10)))
    waiting.start()
    admission.leave("t", 10)
    waiting.join()
    assert entered == [True]


def test_bytes_bound_the_queue_too() -> None:
    """One topic may hold half of the bytes, and shrinking a place frees some."""
    admission = Admission(events=100, size=100)
    assert admission.enter("t", 50)
    assert not admission.enter("t", 1)
    admission.shrink("t", 40)
    assert admission.enter("t", 40)
    assert admission.enter("other", 50)
    assert not admission.enter("third", 1)


def test_reminders_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A thing is told once a minute, and a flood of things doesn't pile up."""
    reminders, line = Reminders(AppLog(lambda: logging.getLogger("shop"))), Line("keyless")
    for number in range(REMEMBERED):
        reminders.warn(number, "told", line=line)
    reminders.warn(0, "told", line=line)
    assert len(caplog.records) == REMEMBERED
    reminders.warn("one more", "told", line=line)
    reminders.warn(0, "told", line=line)
    assert len(caplog.records) == REMEMBERED + 2
    assert {record.module for record in caplog.records} == {"test_parts_of_delivery"}


def test_lower_rate_keeps_a_part_of_what_a_higher_one_keeps() -> None:
    """Sampling is monotonous in the rate and keeps about its share."""
    tenth = {number for number in range(2000) if kept(0.1, str(number))}
    half = {number for number in range(2000) if kept(0.5, str(number))}
    assert tenth < half
    assert 100 < len(tenth) < 300
    assert 800 < len(half) < 1200
    assert kept(1.0, "x")
    assert not kept(0.0, "x")


def test_what_cannot_be_mended_is_tried_less_and_less_often(mocker: MockerFixture) -> None:
    """The pauses double to half a minute, and begin anew once there is nothing to mend."""
    now, told, pauses = mocker.patch("time.monotonic", return_value=1_000.0), list[str](), list[float]()
    trouble = Trouble(told.append)

    def fail() -> None:
        began = now.return_value
        trouble.not_mended("There is no room.")
        while not trouble.may_mend():
            now.return_value += 0.25
        pauses.append(now.return_value - began)

    for _ in range(8):
        fail()
    trouble.mended()
    fail()
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5]
    assert told == ["There is no room."] * 9


def test_apps_that_are_gone_leave_nothing_for_the_exit() -> None:
    """However many apps a process has made and let go of, as a suite of tests does."""

    class Ended(msgspec.Struct, weakref=True):
        pid: int = 0

    lasting: object = Ended()
    exits.close_at_exit(cast("exits.Closing", lasting))
    entries = exits._started  # noqa: SLF001 - there is no other way to see what is kept of the dead
    before = len(entries)
    for _ in range(50):
        exits.close_at_exit(cast("exits.Closing", Ended()))
    gc.collect()
    assert len(entries) <= before + 1
    assert any(each() is lasting for each in entries)
