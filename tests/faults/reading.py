"""What is on a topic, read back to its end."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from tests.kafka.administration import QUIET

if TYPE_CHECKING:
    from collections.abc import Iterator

SILENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as a consumer sees it.

    Attributes:
        id: the event's.
        player: its key.
        number: the request's, from its data.
        worker: the process that emitted it.
        place: its topic and partition.
        stored: when the broker stored it, by `time.time`.
    """

    id: str
    player: str
    number: int
    worker: int
    place: str
    stored: float


def read_back(bootstrap: str, topic: str) -> Iterator[Arrival]:
    """Every event that is on a topic now, in the order of each partition.

    Raises:
        TimeoutError: the brokers say nothing for a while.
    """
    config = {
        "bootstrap.servers": bootstrap,
        "group.id": str(uuid.uuid4()),
        "enable.auto.commit": False,
        "queued.max.messages.kbytes": 16_384,  # the default keeps four times that ready
    }
    consumer = Consumer(config, logger=QUIET)
    try:
        ends = ends_of(consumer, topic)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in ends])
        while ends:
            message = consumer.poll(SILENCE_SECONDS)
            if message is None:
                raise TimeoutError(f"Nothing more of {topic} for {SILENCE_SECONDS} s, and not its end.")
            if message.error() is not None:  # it goes on by itself
                continue
            yield _arrival(message)
            # Not by _PARTITION_EOF: while others go on to write that never comes.
            partition = message.partition()
            if partition is not None and message.offset() == ends.get(partition, 0) - 1:
                del ends[partition]
    finally:
        consumer.close()


def ends_of(consumer: Consumer, topic: str) -> dict[int, int]:
    """The partitions that hold something, with the offset behind their last event."""
    ends: dict[int, int] = {}
    for partition in consumer.list_topics(topic, timeout=SILENCE_SECONDS).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=SILENCE_SECONDS)
        if high > low:
            ends[partition] = high
    return ends


def _arrival(message: Message) -> Arrival:
    event = json.loads(message.value() or b"")
    data = event["data"]
    place = f"{message.topic()} [{message.partition()}]"
    stored = message.timestamp()[1] / 1000
    return Arrival(event["id"], data["player"], data["number"], data["worker"], place, stored)
