"""Whatever happens to an app's events, in whatever order, the metrics add up to the ledger: in one process and in many."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from confluent_kafka import KafkaError
from flask import Flask
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.delivery import adoption
from tests.processes import wait_until
from tests.scrapes import as_ledger, ledger_of, samples, summed, total

from .test_conservation import Events, JournaledEvents

ROOT = Path(__file__).resolve().parents[2]
CODES = st.sampled_from(
    [None, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._PURGE_QUEUE]  # noqa: SLF001
)
ACTIONS = st.one_of(
    st.tuples(st.just("emit"), st.sampled_from(["sold", "bought", "joined", "line\nfeed"])),
    st.tuples(st.just("answer"), st.lists(CODES, min_size=1, max_size=6)),
    st.tuples(st.just("call"), st.sampled_from(["return", "discard", "mistake", "raise"])),
)


class _Scraped:
    """Compares each app's scrape with its ledger after each step."""

    trade: Any

    def __init__(self) -> None:
        super().__init__()
        self.registries: WeakKeyDictionary[Flask, CollectorRegistry] = WeakKeyDictionary()

    @invariant()
    def is_scrape_the_ledger(self) -> None:
        """The sums over all types are the ledger's numbers, and nothing is acknowledged in no time at all."""
        app = self.trade.shop.app
        registry = self.registries.setdefault(app, CollectorRegistry())
        export_metrics(app, registry=registry)
        text = generate_latest(registry).decode()
        assert ledger_of(text) == as_ledger(self.trade.stats)


class ScrapedEvents(_Scraped, Events):
    """In memory mode."""


class ScrapedJournaledEvents(_Scraped, JournaledEvents):
    """With a journal."""


@pytest.mark.parametrize("machine", [ScrapedEvents, ScrapedJournaledEvents])
def test_a_scrape_is_the_ledger(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emits, answers, forks, closes, crashes and a full disk in any order: a scrape says what the ledger says."""
    monkeypatch.setattr(adoption, "FILES", 10_000)
    examples = min(10, settings().max_examples)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=30, print_blob=False)
    )


# Not made smaller where it fails: each that does waits for ten seconds.
@settings(max_examples=10, phases=(Phase.reuse, Phase.generate))
@given(workers=st.lists(st.lists(ACTIONS, max_size=12), min_size=1, max_size=3))
def test_scrapes_of_several_processes_add_up(workers: list[list[tuple[Any, ...]]]) -> None:
    """Forked workers of a preloaded app, each with its own events: the merged scrape is the sum of their ledgers.

    It is so while they live, with what is pending, and after their end, with what they dropped then.
    """
    with TemporaryDirectory() as folder, running(folder, workers) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        ledgers = dict(json.loads(program.stdout.readline()) for _ in workers)
        wanted = summed(ledgers.values())
        wait_until(lambda: ledger_of(scrape(folder)) == wanted, "the merged scrape is what the ledgers say")
        program.stdin.close()
        last = dict(json.loads(program.stdout.readline()) for _ in workers)
        assert program.wait(10) == 0
        assert last.keys() == ledgers.keys()
        assert ledger_of(scrape(folder)) == summed(last.values())
        for pid in last:
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
        scraped = samples(scrape(folder))
        assert total(scraped, "emitted_total") == summed(last.values())["emitted"]
        assert total(scraped, "queue_limit_events") == 0, "nobody is left who has a queue"


@contextmanager
def running(folder: str, workers: list[Any]) -> Iterator["subprocess.Popen[str]"]:
    """The program whose workers do these things and share their metrics in this folder."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.metered", json.dumps(workers)],
        cwd=ROOT, env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as program:  # fmt: skip
        yield program


def scrape(folder: str) -> str:
    """The merged metrics of all processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry).decode()
