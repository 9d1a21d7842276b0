"""The brokers that events are sent to."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers import TOPIC
from flask_kafka_events.embedded import join
from tests.kafka.apache_kafka import ApacheKafka
from tests.kafka.jars import kafka_jars
from tests.parts import why_missing

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def embedded() -> Iterator[str]:
    """An embedded broker of its own, with the topic: it takes more events than any variant here makes."""
    with tempfile.TemporaryDirectory() as folder, join(Path(folder), linger=0.5) as lease:
        lease.create_topic(TOPIC)
        yield lease.address


@contextmanager
def apache() -> Iterator[str]:
    """Apache Kafka itself, one broker, with the topic."""
    with tempfile.TemporaryDirectory() as folder:
        broker = ApacheKafka(jars=kafka_jars(), directory=Path(folder))
        broker.write_settings()
        broker.format()
        try:
            broker.start()
            broker.create_topic(TOPIC)
            yield broker.bootstrap
        finally:
            broker.stop()


def why_no_apache() -> str:
    """Why there is none here, and what helps; empty where there is."""
    return " ".join(filter(None, map(why_missing, ("java", "maven"))))
