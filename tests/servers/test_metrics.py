"""Metrics under gunicorn: whichever worker answers a scrape, it shows what all of them did."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from flask_kafka_events.contrib.prometheus.event_types import MOST, OTHER
from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.scrapes import ledger_of, samples, summed, total
from tests.servers.served import TOPIC
from tests.servers.serving import Server, arrived, serving

APP = "tests.servers.metered:create_app()"
#: As docs/reference/metrics.md has it.
HOOK = """
from prometheus_client import multiprocess


def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
"""
PATHS = ("/buy", "/buy", "/refuse", "/discard", "/spoil")


@contextmanager
def metered(broker: str, folder: Path, *how: str, **environment: str) -> Iterator[Server]:
    """Two workers of gunicorn that share their metrics in a folder."""
    (folder / "metrics").mkdir()
    (folder / "gunicorn.conf.py").write_text(HOOK)
    command = ("gunicorn", "-b", "127.0.0.1:PORT", "-w", "2", *how, APP)
    how_it_is_set = {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), **environment}
    with serving(broker, folder, *command, **how_it_is_set) as server:
        server.get("/pid")
        yield server


def ledgers(server: Server) -> dict[int, dict[str, object]]:
    """Both workers' own."""
    found: dict[int, dict[str, object]] = {}

    def have_both_told() -> bool:
        ledger = json.loads(server.get("/ledger"))
        found[ledger.pop("pid")] = ledger
        return len(found) == 2

    wait_until(have_both_told, "both workers have told their ledger")
    return found


def have_both_sold(server: Server) -> bool:
    """Ask for every way in which an event may end; whether both workers have been asked by now."""
    for path in PATHS:
        server.get(path)
    return all(ledger["delivered"] or ledger["pending"] for ledger in ledgers(server).values())


def scrape(server: Server) -> str:
    """What a scrape says; asked again where a worker has just made a file, which is empty for an instant."""
    told: list[str] = []

    def has_told() -> bool:
        try:
            told.append(server.get("/metrics"))
        except HTTPError as error:
            error.close()
        return bool(told)

    wait_until(has_told, "the metrics are told")
    return told[-1]


def wait_for_sums(server: Server, wanted: dict[str, object]) -> None:
    """Wait until a scrape says so: each worker writes twice a second."""
    wait_until(lambda: ledger_of(scrape(server), TOPIC) == wanted, "the scrape is what the ledgers say")


@pytest.mark.parametrize("how", [(), ("--preload",), ("-k", "gevent")], ids=["sync", "preload", "gevent"])
def test_scrape_of_two_workers_adds_up(broker: Lease, tmp_path: Path, how: tuple[str, ...]) -> None:
    """A scrape is the sum of both ledgers: with what is pending, once all is sent, and of what was sent as they ended."""
    with metered(broker.address, tmp_path, *how) as server:
        wait_until(lambda: have_both_sold(server), "both workers have sold something")
        waiting = summed(ledgers(server).values())
        assert waiting["pending"]
        wait_for_sums(server, waiting)
        wait_until(
            lambda: server.get("/flush") == "True" and not summed(ledgers(server).values())["pending"],
            "both workers have flushed",
        )
        told = summed(ledgers(server).values())
        assert told["delivered"] == waiting["pending"] + waiting["delivered"]
        assert told["failed_by_reason"] == {"encoding": told["not_matching"]}
        wait_for_sums(server, told)
        scraped = samples(scrape(server))
        assert total(scraped, "outcomes_total", type="bought", outcome="delivered") == told["delivered"]
        assert total(scraped, "delivery_latency_seconds_count") == told["delivered"]
        assert total(scraped, "queue_limit_events") == 200_000, "two workers' and not their master's"
        wait_until(
            lambda: total(samples(scrape(server)), "broker_connected", broker="1") == 1,
            "librdkafka has told its statistics",
        )
        server.get("/buy")
        assert server.end(signal.SIGTERM) == 0
    assert len(arrived(broker.address, TOPIC)) == told["delivered"] + 1


def test_killed_worker_is_in_the_sums_and_in_no_gauge(broker: Lease, tmp_path: Path) -> None:
    """What a worker counted before kill -9 stays; what waited in it is gone, and so is its share of the gauges."""
    with metered(broker.address, tmp_path) as server:
        wait_until(lambda: have_both_sold(server), "both workers have sold something")
        before = ledgers(server)
        wait_for_sums(server, summed(before.values()))
        (killed, lost), (_, kept) = before.items()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in ledgers(server), "another has taken its place")
        wanted = {**summed([lost, kept]), "pending": kept["pending"]}
        wait_for_sums(server, wanted)
        assert server.end(signal.SIGTERM) == 0


def test_types_are_bounded_over_all_workers(broker: Lease, tmp_path: Path) -> None:
    """Types that are made of what users send get so many labels in all, however many workers there are and were."""
    with metered(broker.address, tmp_path, "--max-requests", "60", SERVED_LINGER_MS="0") as server:
        for number in range(MOST + 40):
            server.get(f"/user/{number}")
        wait_until(
            lambda: total(samples(scrape(server)), "outcomes_total", outcome="delivered") == MOST + 40,
            "all are counted",
        )
        scraped = samples(scrape(server))
        types = {dict(labels)["type"] for name, labels in scraped if name == "outcomes_total"}
        assert len(types - {OTHER}) == MOST
        assert total(scraped, "outcomes_total", type=OTHER) == 40
        assert server.end(signal.SIGTERM) == 0
