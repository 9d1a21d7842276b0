"""Where the crowd's events go: Apache Kafka where the machine can run one, else the embedded broker, said loudly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.game_api.app import TOPIC
from flask_kafka_events import embedded
from tests.kafka.apache_kafka import ApacheKafka
from tests.kafka.jars import kafka_jars
from tests.parts import why_missing

#: Of the topic on Apache Kafka; the embedded broker's topics have one.
PARTITIONS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """A broker that has the game's topic.

    Attributes:
        name: what it is, for people.
        address: for `bootstrap.servers`.
    """

    name: str
    address: str


def why_not_apache_kafka() -> str:
    """Why this machine can't run it, and what helps; empty where it can."""
    return " ".join(filter(None, map(why_missing, ("java", "maven"))))


@contextmanager
def apache_kafka(folder: Path) -> Iterator[Broker]:
    """One of the crowd's own, which keeps its data in a folder: up in 3 to 5 s."""
    kafka = ApacheKafka(jars=kafka_jars(), directory=folder)
    kafka.write_settings()
    kafka.format()
    try:
        kafka.start()
        kafka.create_topic(TOPIC, partitions=PARTITIONS)
        yield Broker(name="Apache Kafka", address=kafka.bootstrap)
    finally:
        kafka.stop()


@contextmanager
def embedded_broker(folder: Path) -> Iterator[Broker]:
    """The development broker; it ends right after its last user."""
    with embedded.join(folder, linger=0.5) as lease:
        lease.create_topic(TOPIC)
        yield Broker(name="the embedded broker", address=lease.address)
