"""What is on a topic, read back to its end."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from tests.kafka.administration import QUIET

if TYPE_CHECKING:
    from collections.abc import Iterator

SILENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as a consumer sees it."""

    id: str
    player: str
    number: int
    worker: int
    partition: int


def read_back(bootstrap: str, topic: str) -> Iterator[Arrival]:
    """Every event of a topic, in the order of each partition.

    Raises:
        TimeoutError: the brokers say nothing for a while.
    """
    config = {"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False}
    consumer = Consumer({**config, "enable.partition.eof": True}, logger=QUIET)
    try:
        partitions = consumer.list_topics(topic, timeout=SILENCE_SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions])
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            message = consumer.poll(SILENCE_SECONDS)
            if message is None:
                raise TimeoutError(f"Nothing more of {topic} for {SILENCE_SECONDS} s, and not its end.")
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public name
                    ended.add(message.partition())
                continue
            event = json.loads(message.value() or b"")
            data = event["data"]
            where = message.partition()
            assert where is not None
            yield Arrival(event["id"], data["player"], data["number"], data["worker"], where)
    finally:
        consumer.close()
