"""What the tests of the embedded broker need of the world around it: clients, other processes, patience."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINGER = 0.4

# Joins, tells the address and the broker's process, and stays until its stdin is closed.
USER = """
import sys
from pathlib import Path
from flask_kafka_events import embedded
with embedded.join(Path(sys.argv[1]), linger=float(sys.argv[2])) as lease:
    print(lease.address, lease.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def user(directory: Path, script: str = USER) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a script with the directory and the linger as its arguments."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(directory), str(LINGER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """What a process says next."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def produce(address: str, topic: str, *values: str, **properties: str | int) -> list[str]:
    """Send events and wait until each is decided: the name of its error, or "" if it arrived."""
    reports: list[str] = []

    def report(error: KafkaError | None, _: Message) -> None:
        # Not ==: comparing a KafkaError with None leaves an exception behind that comes out of a later call.
        reports.append("" if error is None else error.name())

    producer = Producer({"bootstrap.servers": address, "linger.ms": 0, "log_level": 0, **properties})
    for value in values:
        producer.produce(topic, value, on_delivery=report)
    producer.flush(20)
    return reports


def read(address: str, topic: str, count: int) -> list[str]:
    """The first events of a topic's partition 0."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "tests", "log_level": 0})
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        return [(message.value() or b"").decode() for message in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()


def partitions(address: str, topic: str) -> int:
    """How many partitions a topic has."""
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    return len(producer.list_topics(topic, timeout=10).topics[topic].partitions)


def offsets(address: str, topic: str) -> tuple[int, int]:
    """The offset of the first event that is still in a topic's partition 0, and that of the next one to come."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "tests", "log_level": 0})
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        return first, end
    finally:
        consumer.close()
