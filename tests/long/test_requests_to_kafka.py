"""What the docs say of produce requests is what librdkafka does; a busy machine would make it another."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from tests.examples.pages import DOCS
from tests.parts import requires
from tests.processes import wait_until

if TYPE_CHECKING:
    from tests.kafka.apache_kafka import ApacheKafka

PAGE = DOCS / "explanation" / "how-it-grows.md"


@requires("java", "maven")
def test_a_request_takes_what_the_page_says(kafka: ApacheKafka) -> None:
    """The formula gives what librdkafka puts into a produce request, within a factor of two, at two values of linger.ms."""
    assert "1 + events/s of the process * linger.ms / 1000 / partitions" in PAGE.read_text()
    kafka.create_topic("growth", partitions=20)
    for linger in (50, 200):
        rate, in_a_request = produce_for_a_while(kafka.bootstrap, "growth", linger)
        said = 1 + rate * linger / 1000 / 20
        assert said / 2 < in_a_request < said * 2


def produce_for_a_while(bootstrap: str, topic: str, linger: int) -> tuple[float, float]:
    """Produce 2,000 events at a steady rate: events a second, and how many were in a request."""
    stats: dict[str, Any] = {}
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": linger, "statistics.interval.ms": 100},
        stats_cb=lambda text: stats.update(json.loads(text)),
    )
    began = time.monotonic()
    for number in range(2_000):
        producer.produce(topic, b"x" * 400, key=f"player-{number * 7919 % 1000}")
        producer.poll(max(0.0, began + number / 1_000 - time.monotonic()))
    rate = 2_000 / (time.monotonic() - began)
    assert producer.flush(30) == 0

    def has_told_all() -> bool:
        producer.poll(0.05)
        return bool(stats.get("txmsgs", 0) >= 2_000)  # more, where some went twice

    wait_until(has_told_all, "the statistics have all events", seconds=30)
    requests = sum(broker["req"].get("Produce", 0) for broker in stats["brokers"].values())
    return rate, stats["txmsgs"] / requests
