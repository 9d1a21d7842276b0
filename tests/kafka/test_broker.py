"""The Apache Kafka that the tests start: what the other tests of this ring build on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tests.kafka.apache_kafka import ApacheKafka

if TYPE_CHECKING:
    from pathlib import Path


def acknowledgement(kafka: ApacheKafka, topic: str, value: bytes, **settings: object) -> KafkaError | None:
    """Send one record and return what its delivery report says."""
    reports: list[KafkaError | None] = []

    def report(error: KafkaError | None, _: Message) -> None:
        reports.append(error)

    producer = Producer({"bootstrap.servers": kafka.bootstrap, **settings})
    producer.produce(topic, value, on_delivery=report)
    producer.flush(20)
    (only,) = reports
    return only


def test_a_record_makes_the_round_trip(kafka: ApacheKafka) -> None:
    """What a librdkafka producer sends, Kafka's own console consumer prints."""
    kafka.create_topic("round_trip")

    assert acknowledgement(kafka, "round_trip", b"purchased_sword") is None
    assert kafka.console_consume("round_trip", "--max-messages", "1") == b"purchased_sword\n"


def test_the_console_producer_sends_keys(kafka: ApacheKafka) -> None:
    """What Kafka's own console producer sends with keys comes back with them."""
    kafka.create_topic("keyed", partitions=3)
    kafka.console_produce("keyed", ["ana:sword", "bo:knife"], "parse.key=true", "key.separator=:")

    printed = kafka.console_consume("keyed", "--max-messages", "2", "--formatter-property", "print.key=true")

    assert sorted(printed.splitlines()) == [b"ana\tsword", b"bo\tknife"]


def test_topics_are_described(kafka: ApacheKafka) -> None:
    """A topic has the partitions it was made with."""
    kafka.create_topic("described", partitions=2)

    assert b"PartitionCount: 2" in kafka.topics_command("--describe", "--topic", "described")


def test_no_topic_makes_itself(kafka: ApacheKafka) -> None:
    """A record to a topic that nobody made is refused, not acknowledged."""
    unknown = acknowledgement(
        kafka,
        "nobody_made_me",
        b"x",
        **{"message.timeout.ms": 2000, "topic.metadata.propagation.max.ms": 200},
    )

    assert unknown is not None
    assert unknown.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_is_made_once(kafka: ApacheKafka) -> None:
    """Making a topic that is there already is an error."""
    kafka.create_topic("made_once")

    with pytest.raises(KafkaException, match="already exists"):
        kafka.create_topic("made_once")


def test_it_comes_back_with_what_it_acknowledged(kafka: ApacheKafka) -> None:
    """After a kill and a start it has the same address, and the record is still there."""
    kafka.create_topic("kept")
    assert acknowledgement(kafka, "kept", b"joined_guild") is None
    address = kafka.bootstrap

    kafka.stop()
    kafka.start()

    assert kafka.bootstrap == address
    assert kafka.console_consume("kept", "--max-messages", "1") == b"joined_guild\n"


def test_a_broker_that_cannot_start_says_why(kafka: ApacheKafka, tmp_path: Path) -> None:
    """One whose storage nobody laid out fails at once, with the line of its log that matters."""
    unformatted = ApacheKafka(jars=kafka.jars, directory=tmp_path)
    unformatted.write_settings()

    with pytest.raises(RuntimeError, match=r"(?s)did not start.*No readable meta\.properties"):
        unformatted.start()
