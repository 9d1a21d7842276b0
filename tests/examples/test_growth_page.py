"""What the docs say of growth is what was measured, and what librdkafka does."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer

from benchmarks.sheets import Report
from docs._ext.generated import filled
from tests.examples.pages import DOCS
from tests.parts import requires
from tests.processes import wait_until

if TYPE_CHECKING:
    from tests.kafka.apache_kafka import ApacheKafka

PAGE = DOCS / "explanation" / "how-it-grows.md"


@pytest.fixture
def report() -> Report:
    """The last full run of the benchmarks."""
    return Report.load(DOCS / "explanation" / "performance.json")


def test_the_reckoning_is_of_the_last_full_run(report: Report) -> None:
    """Workers, processes and cores on the page are a million divided by what that run has measured."""
    page = filled(PAGE.read_text())
    served, looped = report.sheets["served, requests/s"], report.sheets["end to end"]
    for what, each in [
        ("gunicorn workers, one event a request", served.median("decorated")),
        ("the same, with the journal", served.median("journal")),
        ("processes that emit in a loop", looped.median("decorated")),
    ]:
        assert abs(figure(page, "for a million", what) - 1_000_000 / each) <= 1
    cores = report.sheets["a request, process"].added("decorated", "no event")
    assert figure(page, "for a million", "cores that the events alone take") == pytest.approx(cores, abs=1)


def test_most_workers_would_be_there_without_events(report: Report) -> None:
    """The page says that most of them are there for the requests."""
    assert "Most of the workers would be there without any event" in PAGE.read_text()
    served = report.sheets["served, requests/s"]
    assert served.median("decorated") / served.median("no event") > 1 / 2


def test_bytes_are_those_of_a_purchase() -> None:
    """The MB/s are a million of the records whose size stands above them."""
    page = filled(PAGE.read_text())
    size = figure(page, "measured", "bytes of a purchase in the format `cloudevents`")
    assert figure(page, "for a million", "MB/s into the brokers, before compression") == pytest.approx(
        size, abs=1
    )


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


def figure(page: str, table: str, what: str) -> float:
    """The figure of a row in one of the page's two tables."""
    part = page.partition(f"| {table}")[2]
    found = re.search(rf"^\| {re.escape(what)} \| ([\d,.]+) \|$", part, re.MULTILINE)
    assert found is not None, what
    return float(found[1].replace(",", ""))
