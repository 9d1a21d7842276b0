"""The fixture `kafka`: started by the first test that asks for it, once a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kafka.apache_kafka import ApacheKafka
from tests.kafka.jars import kafka_jars
from tests.parts import need

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka 4.3.1, running; a test that stops it starts it again before it ends."""
    need("java", "maven")
    broker = ApacheKafka(jars=kafka_jars(), directory=tmp_path_factory.mktemp("apache-kafka"))
    broker.write_settings()
    broker.format()
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
