"""Reading a topic as events, on the broker that an app's events go to."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest
from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import BrokerError, ConfigurationError, KafkaEvents, NotInitialised
from flask_kafka_events.embedded import Lease
from flask_kafka_events.reading import EventReader, ReadEvent, open_reader
from flask_kafka_events.testing import faults
from tests.processes import is_running, wait_until

TOPIC = "shop_events"


@pytest.fixture
def app(broker: Lease) -> Iterator[Flask]:
    """An app on the embedded broker."""
    app = make_app(broker.address)
    yield app
    KafkaEvents().for_app(app).close()


def make_app(servers: str, **settings: object) -> Flask:
    """An app with these settings."""
    app = Flask("shop")
    app.config["KAFKA_EVENTS_BOOTSTRAP_SERVERS"] = servers
    app.config["KAFKA_EVENTS_TOPIC"] = TOPIC
    app.config.update(settings)
    KafkaEvents(app)
    return app


def emit(app: Flask, *types: str) -> None:
    """Emit events of these types, and wait until they are there."""
    mine = KafkaEvents().for_app(app)
    for each in types:
        mine.emit(each, {"type": each}, key="ana")
    assert mine.flush(5)


@contextmanager
def started(app: Flask) -> Iterator[EventReader]:
    """A reader from the beginning."""
    with open_reader(app, properties={"fetch.wait.max.ms": 10}) as reader:
        _, partitions = reader.cluster(5)
        reader.start({each: reader.offsets(each, 5).start for each in partitions})
        yield reader


def read(reader: EventReader, count: int) -> list[ReadEvent]:
    """So many, once they have come."""
    found: list[ReadEvent] = []

    def has_all() -> bool:
        found.extend(reader.read(0.1))
        return len(found) >= count

    wait_until(has_all, f"{count} are read")
    return found


def types(events: list[ReadEvent]) -> list[str]:
    """What happened."""
    return [each.event.type for each in events if each.event is not None]


def test_events_are_read_with_their_places(app: Flask) -> None:
    """Each event comes with its partition, its offset and the record's time, in the partition's order."""
    before = datetime.now(timezone.utc)
    emit(app, "sold", "returned")
    with started(app) as reader:
        assert reader.topic == TOPIC
        assert reader.offsets(0, 5) == range(2)
        events = read(reader, 2)
    assert types(events) == ["sold", "returned"]
    assert [(each.partition, each.offset, each.key) for each in events] == [(0, 0, b"ana"), (0, 1, b"ana")]
    assert all(each.stored is not None and (each.stored - before).total_seconds() > -0.1 for each in events)


def test_a_reader_begins_where_it_is_told_to(app: Flask) -> None:
    """From an offset on, and from no other reader's place."""
    emit(app, "sold", "returned", "sold_again")
    with open_reader(app) as reader:
        reader.start({0: 2})
        assert types(read(reader, 1)) == ["sold_again"]
    with started(app) as another:
        assert len(read(another, 3)) == 3


def test_further_partitions_come_on_top(app: Flask, broker: Lease) -> None:
    """A second start adds partitions, and those before are read on."""
    broker.create_topic("wide", partitions=2)
    producer = Producer({"bootstrap.servers": broker.address})
    for partition in (0, 1):
        producer.produce("wide", b"x", partition=partition)
    producer.flush(5)
    with open_reader(app, "wide") as reader:
        assert reader.cluster(5)[1] == (0, 1)
        reader.start({0: 0})
        assert [each.partition for each in read(reader, 1)] == [0]
        reader.start({1: 0})
        assert [each.partition for each in read(reader, 1)] == [1]


def test_what_is_no_event_is_read_too(app: Flask, broker: Lease) -> None:
    """Somebody else's record has its value and no event."""
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(TOPIC, b"\xff", b"\xfe")
    producer.flush(5)
    with started(app) as reader:
        [found] = read(reader, 1)
    assert (found.event, found.value, found.key) == (None, b"\xff", b"\xfe")


def test_a_limit_is_kept(app: Flask) -> None:
    """No more come at once than are asked for, and none is lost."""
    emit(app, "a", "b", "c")
    with started(app) as reader:
        first = reader.read(5, limit=1)
        assert len(first) == 1
        assert types(first + read(reader, 2)) == ["a", "b", "c"]


def test_an_outage_passes(app: Flask, broker: Lease) -> None:
    """While the broker is away a question to it fails and reading gives nothing; afterwards it goes on where it was."""
    emit(app, "before")
    with started(app) as reader:
        assert types(read(reader, 1)) == ["before"]
        with faults.broker_down(broker):
            with pytest.raises(BrokerError, match="_TRANSPORT"):
                reader.cluster(0.2)
            with pytest.raises(BrokerError):
                reader.offsets(0, 0.2)
            assert reader.read(0.1) == []
            assert not reader.is_stale()
        emit(app, "after")
        assert types(read(reader, 1)) == ["after"]


def test_a_topic_that_is_not_there_has_no_partitions(app: Flask) -> None:
    """And the question doesn't make it."""
    with open_reader(app, "nowhere") as reader:
        cluster, partitions = reader.cluster(5)
        assert (bool(cluster), partitions) == (True, ())
        assert reader.cluster(5)[1] == ()


def test_the_end_of_the_embedded_broker_is_noticed(tmp_path: Path) -> None:
    """A reader of an app that is on "embedded" holds that broker, and knows when it was killed."""
    app = make_app("embedded")
    app.instance_path = str(tmp_path)
    KafkaEvents().for_app(app)
    with open_reader(app) as reader:
        assert not reader.is_stale()
        lease = reader._broker.lease  # noqa: SLF001 - which process to kill
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        wait_until(lambda: not is_running(lease.pid), "it is dead")
        assert reader.is_stale()


def test_a_real_broker_makes_no_reader_stale(app: Flask) -> None:
    """Whatever it does: it is at its address again when it is back."""
    with open_reader(app) as reader:
        assert not reader.is_stale()


def test_a_reader_without_a_topic_is_refused(broker: Lease) -> None:
    """Neither it nor the settings name one."""
    app = make_app(broker.address, KAFKA_EVENTS_TOPIC=None)
    with pytest.raises(ConfigurationError, match="KAFKA_EVENTS_TOPIC"), open_reader(app):
        raise AssertionError("it was opened")


def test_refused_properties_are_told(app: Flask) -> None:
    """What librdkafka refuses is an error with its words."""
    with (
        pytest.raises(BrokerError, match="_INVALID_ARG"),
        open_reader(app, properties={"fetch.wait.max.ms": -5}),
    ):
        raise AssertionError("it was opened")


def test_an_app_without_events_has_no_reader() -> None:
    """It is told to call init_app."""
    with pytest.raises(NotInitialised), open_reader(Flask("bare")):
        raise AssertionError("it was opened")
