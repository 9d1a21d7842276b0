"""Metrics stand in nobody's way: no fork's, no signal handler's."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from flask_kafka_events.contrib.prometheus.event_types import EventTypes
from flask_kafka_events.contrib.prometheus.feed import Feed
from flask_kafka_events.contrib.prometheus.metrics import Metrics, metrics_of
from flask_kafka_events.delivery.per_process import PerProcess
from tests.scrapes import as_ledger, ledger_of, scraped, total
from tests.sending import Shop, shop

from .forked import forked

ROOT = Path(__file__).resolve().parents[2]


class Interrupting(Metrics):
    """Metrics in whose midst a signal handler comes that counts something, once."""

    feed: Feed
    act: Any = None

    def set(self, name: str, value: float, labels: Any) -> None:
        """Be interrupted."""
        act, self.act = self.act, None
        if act is not None:
            act()
        super().set(name, value, labels)


def test_signal_handler_on_top_of_it_is_counted() -> None:
    """What is counted while the metrics are written, in the same thread, is written too, and once."""
    registry = CollectorRegistry()
    with shop(testing=False) as held:
        pipeline = held.app.extensions["kafka_events"]
        metrics = Interrupting(registry)
        feed = Feed(
            pipeline.process, settings=pipeline.settings, metrics=metrics, app="shop",
            types=EventTypes(None, None), reminders=pipeline.reminders,
        )  # fmt: skip
        pipeline.process.watchers.append(feed)

        def emit_and_publish() -> None:
            held.mine.emit("spoilt", float("nan"))
            feed.publish()

        metrics.act = emit_and_publish
        emit_and_publish()
        assert held.mine.stats().failed == 2
        assert ledger_of(generate_latest(registry).decode()) == as_ledger(held.mine.stats())


@pytest.mark.parametrize("case", ["disabled", "first", "while_the_poller_waits"])
def test_signal_handler_within_a_count_of_the_apps_own_never_waits(case: str, tmp_path: Path) -> None:
    """Processes that share metrics have one lock for all: who emits on top of it must not need it, nor wait for who does."""
    program = subprocess.run(
        [sys.executable, "-m", "tests.unit.interrupted_counting", case],
        cwd=ROOT, env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert program.stdout.splitlines() == ["emitted", "closed"], program.stderr
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(tmp_path))  # type: ignore[no-untyped-call]
    found = scraped(registry)
    if case == "disabled":
        assert total(found, "left_out_total", reason="disabled") == 1
    else:
        assert total(found, "outcomes_total", outcome="failed", reason="encoding") == 1


def test_fork_waits_for_who_writes(metered: Shop, registry: CollectorRegistry) -> None:
    """A child never inherits a lock of Prometheus' client that a thread of ours holds: its own counting would hang."""
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            metered.mine.emit("spoilt", float("nan"))
            metrics_of(registry).collect()

    def count() -> float:
        metered.mine.emit("sold", wait=5)
        return total(scraped(registry), "outcomes_total", app="shop", outcome="delivered")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert [forked(count) for _ in range(20)] == [1.0] * 20
    finally:
        is_over.set()
        writer.join()


def test_who_attaches_sees_each_process_once() -> None:
    """This process's own, and each later process's as it is made; one that was made in vain isn't shown."""
    made: list[int] = []

    def make() -> list[int]:
        if not made:
            made.append(0)
            each.current()  # another thread was faster
        return [os.getpid()]

    each = PerProcess(make)
    seen: list[int] = []
    each.attach(seen.extend)
    assert seen == [os.getpid()]

    def in_child() -> list[int]:
        made.clear()
        each.current()
        return seen

    assert len(set(forked(in_child))) == len(forked(in_child)) == 2


def test_nobody_meets_what_is_not_attached_yet() -> None:
    """Who asks while another thread makes a process's own waits for nothing, and gets one that has all of it."""
    made: PerProcess[list[str]]
    is_attaching, go_on = threading.Event(), threading.Event()

    def attach(to: list[str]) -> None:
        if threading.current_thread() is slow:
            is_attaching.set()
            go_on.wait(10)
        to.append("watcher")

    made = PerProcess(list, [attach])
    slow = threading.Thread(target=made.current)
    slow.start()
    is_attaching.wait(10)
    assert made.made() is None
    mine = made.current()
    assert mine == ["watcher"]
    go_on.set()
    slow.join()
    assert made.current() is mine
