"""The whole configuration of a producer, as librdkafka itself takes it."""

import logging
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from confluent_kafka import KafkaException, Producer

from flask_kafka_events.producer_properties import librdkafka_config
from flask_kafka_events.settings import read_settings


def config_of(**settings: object) -> dict[str, object]:
    """The producer's configuration under these settings, given without their prefix."""
    return librdkafka_config(
        read_settings({f"KAFKA_EVENTS_{name}": each for name, each in settings.items()}, "shop")
    )


@contextmanager
def producer_of(config: dict[str, object]) -> Iterator[Producer]:
    """A producer for a broker that isn't there."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{1}".format(*unused.getsockname())
    producer = Producer({"bootstrap.servers": address, **config}, logger=logging.getLogger("librdkafka"))
    try:
        yield producer
    finally:
        producer.purge()
        producer.flush(0)


def test_guarantees_stand_in_every_configuration() -> None:
    """Without any setting the configuration is the guarantees and three defaults."""
    assert config_of() == {
        "client.id": "flask-kafka-events",
        "linger.ms": 5,
        "partitioner": "murmur2_random",
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": 0,
        "queue.buffering.max.messages": 10_000_000,
        "queue.buffering.max.kbytes": 2_147_483_647,
        "message.max.bytes": 1_065_536,
        "topic.metadata.propagation.max.ms": 600_000,
    }


def test_users_properties_lie_over_the_defaults() -> None:
    """What the user gave replaces a default under any of its names, and the guarantees stay."""
    given = {
        "queue_buffering_max_ms": 20,
        "client.id": "shop",
        "partitioner": "consistent",
        "acks": -1,
        "debug": "msg",
    }
    changed = {"linger.ms": 20, "client.id": "shop", "partitioner": "consistent", "debug": "msg"}
    assert config_of(PRODUCER=given) == config_of() | changed


def test_limits_follow_the_settings() -> None:
    """The largest event and the wait for an unknown topic are those of the settings, in librdkafka's units."""
    config = config_of(MAX_EVENT_BYTES=2_000_000, UNKNOWN_TOPIC_SECONDS=0.25)
    assert config["message.max.bytes"] == 2_065_536
    assert config["topic.metadata.propagation.max.ms"] == 250
    assert config_of(MAX_EVENT_BYTES=1024)["message.max.bytes"] == 1_000_000


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"MAX_EVENT_BYTES": 1024, "UNKNOWN_TOPIC_SECONDS": 0, "QUEUE_EVENTS": 2, "QUEUE_BYTES": 1024},
        {"MAX_EVENT_BYTES": 900_000_000, "UNKNOWN_TOPIC_SECONDS": 3600, "QUEUE_EVENTS": 10_000_000, "QUEUE_BYTES": 2**40},
        {"PRODUCER": {"log_level": 0, "max_in_flight": 1, "enable.idempotence": "t", "acks": "ALL", "linger_ms": 0.5}},
        {"PRODUCER": {"compression.codec": "zstd", "sasl.mechanisms": "PLAIN", "queuing.strategy": "FIFO"}},
    ],
)  # fmt: skip
def test_librdkafka_takes_what_settings_allow(settings: dict[str, object]) -> None:
    """A producer can be built at both ends of what each setting allows, and with second names and spellings."""
    config = config_of(**settings)
    with producer_of(config) as producer:
        assert isinstance(producer, Producer)


def test_largest_event_fits() -> None:
    """An event of the allowed size, key included, is none that librdkafka refuses as too large."""
    with producer_of(config_of(MAX_EVENT_BYTES=2_000_000)) as producer:
        producer.produce("loot", key=b"k" * 1_000, value=b"v" * 1_999_000, headers=[("ce_id", b"x")])
        assert len(producer) >= 1


def test_librdkafka_itself_takes_second_names() -> None:
    """Names with `topic.` in front reach librdkafka's own properties, which is why they are refused."""
    with producer_of(config_of() | {"topic.message.timeout.ms": 60_000}) as producer:
        assert isinstance(producer, Producer)
    with pytest.raises(KafkaException, match="acks"):
        Producer(config_of() | {"topic.acks": 1})
