"""Questions to a broker: who answers, who doesn't, what is no event."""

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import ConfigurationError, KafkaEvents
from flask_kafka_events.delivery.topics import Broker, broker_of
from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.errors import BrokerError
from flask_kafka_events.settings import read_settings
from tests.wire.test_cli import run


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path, linger=0.3) as lease:
        yield lease


def put(lease: Lease, topic: str, *values: bytes) -> None:
    """Write these values as they are."""
    producer = Producer({"bootstrap.servers": lease.address})
    for value in values:
        producer.produce(topic, value, b"\xff")
    producer.flush(10)


def test_address_of_a_broker_is_enough(lease: Lease, tmp_path: Path) -> None:
    """A broker named by its address lists, knows what exists, and says when it can't do something."""
    lease.create_topic("one")
    settings = read_settings(
        {
            "KAFKA_EVENTS_BOOTSTRAP_SERVERS": lease.address,
            "KAFKA_EVENTS_PRODUCER": {"client.id": "me", "linger.ms": 9},
            "KAFKA_EVENTS_CREDENTIALS": lambda: ("app", "password"),
        },
        "shop",
    )
    with broker_of(settings, tmp_path) as broker:
        assert broker.config["client.id"] == "me"
        assert broker.config["sasl.username"] == "app"
        assert "linger.ms" not in broker.config
        assert list(broker.topics()) == ["one"]
        assert not broker.create("one", partitions=1, replication=1)
    impatient = Broker(config={"bootstrap.servers": lease.address}, lease=None, patience=0.5)
    with pytest.raises(BrokerError, match="Kafka: "):
        impatient.create("two", partitions=1, replication=1)


def test_broker_that_does_not_answer_is_told() -> None:
    """Within its patience, with the next step."""
    nowhere = Broker(config={"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, lease=None, patience=0.5)
    with pytest.raises(BrokerError, match="Check that Kafka is running"):
        nowhere.topics()


def test_missing_address_is_told(tmp_path: Path) -> None:
    """An app that names no broker is told which setting to set."""
    asked = broker_of(read_settings({}, "shop"), tmp_path)
    with pytest.raises(ConfigurationError, match="KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set"):
        asked.__enter__()


def test_broker_that_dies_while_it_is_read_is_told(lease: Lease) -> None:
    """Reading to the end of a broker that went away ends with an error, not with silence."""
    lease.create_topic("one")
    broker = Broker(config={"bootstrap.servers": lease.address, "log_level": 0}, lease=None, patience=1.0)
    reading = broker.read("one", from_beginning=True, until_end=True)
    put(lease, "one", b"x")
    assert next(reading).value() == b"x"
    lease.broker_down()
    with pytest.raises(BrokerError, match="doesn't answer"):
        for _ in reading:
            pass


def test_error_in_a_topic_is_told(lease: Lease) -> None:
    """What the broker says of a topic that may not be read comes out."""
    lease.create_topic("one")
    broker = Broker(config={"bootstrap.servers": lease.address}, lease=None)
    lease.fail_topic("one", "TOPIC_AUTHORIZATION_FAILED")
    with pytest.raises(BrokerError, match="Give the app's user the right"):
        list(broker.read("one", from_beginning=True, until_end=True))


def test_from_now_waits_for_what_comes(lease: Lease) -> None:
    """What was there is passed over, and reading goes on after a pause."""
    lease.create_topic("one")
    put(lease, "one", b"old")
    broker = Broker(config={"bootstrap.servers": lease.address}, lease=None)
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.3):
            put(lease, "one", b"new")

    writer = threading.Thread(target=write)
    writer.start()
    reading = broker.read("one", from_beginning=False, until_end=False)
    try:
        assert [message.value() for message in islice(reading, 2)] == [b"new", b"new"]
    finally:
        reading.close()  # type: ignore[attr-defined]  # it is a generator
        stop.set()
        writer.join()


def test_what_is_no_event_is_shown_as_text(lease: Lease, tmp_path: Path) -> None:
    """Other programs' records on the topic are printed too, with their escapes shown."""
    lease.create_topic("one")
    put(lease, "one", b"\x1b[31m\xff")
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(
        KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TYPES={"off": {"enabled": False}}
    )
    KafkaEvents(app)
    assert run(app, "tail", "one", "-e") == "\\x1b[31m\\xff\n"
    assert '"key": "\\\\xff"' in run(app, "tail", "one", "-e", "--json")
    assert "was not sent" in run(app, "emit", "off", status=1)


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    """A password that librdkafka repeats is masked, and credentials that can't be had are told without their text."""
    settings = {
        "KAFKA_EVENTS_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KAFKA_EVENTS_PRODUCER": {"security.protocol": "hunter2"},
        "KAFKA_EVENTS_CREDENTIALS": lambda: ("app", "hunter2"),
    }
    with (
        broker_of(read_settings(settings, "shop"), tmp_path) as broker,
        pytest.raises(BrokerError, match=r"Kafka: .*\*\*\*") as caught,
    ):
        broker.topics()
    assert "hunter2" not in str(caught.value)
    settings["KAFKA_EVENTS_CREDENTIALS"] = lambda: int("hunter2")
    with (
        pytest.raises(ConfigurationError, match="KAFKA_EVENTS_CREDENTIALS: ValueError was raised"),
        broker_of(read_settings(settings, "shop"), tmp_path),
    ):
        pass
