"""librdkafka's statistics as metrics."""

import json
import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flask_kafka_events.contrib.prometheus import export_metrics
from tests.scrapes import scraped, total
from tests.sending import Shop, shop


def test_statistics_are_asked_for_where_there_are_metrics(registry: CollectorRegistry) -> None:
    """Every 5 s, or as the app's own properties say; without metrics librdkafka makes none."""
    configs = []
    for exports, properties in ((False, {}), (True, {}), (True, {"statistics.interval.ms": 100})):
        with shop(PRODUCER=properties) as held:
            if exports:
                export_metrics(held.app, registry=registry)
            held.mine.emit("sold", wait=5)
            config = held.producers[0].config
            configs.append((config.get("statistics.interval.ms"), "stats_cb" in config))
    assert configs == [(None, False), (5000, True), (100, True)]


def statistics(producer: str = "rdkafka#producer-1", **brokers: dict[str, Any]) -> str:
    """As librdkafka tells them."""
    return json.dumps(
        {"name": producer, "brokers": {name: {"name": name, **each} for name, each in brokers.items()}}
    )


UP = {"nodeid": 1, "source": "learned", "state": "UP", "connects": 1}


def test_brokers_are_shown(metered: Shop, registry: CollectorRegistry) -> None:
    """What librdkafka tells of its brokers, in seconds, by the broker's id; its own handles are none."""
    metered.mine.emit("sold", wait=5)
    tell = metered.producers[0].config["stats_cb"]
    rtt = {"rtt": {"sum": 3_000, "cnt": 2, "p99": 2_500}, "throttle": {"sum": 40}}
    counts = {"txerrs": 1, "rxerrs": 2, "txretries": 4, "req_timeouts": 5, "disconnects": 6}
    idle = {"nodeid": 3, "source": "learned", "state": "INIT"}
    first = {"nodeid": -1, "source": "configured", "state": "UP", "connects": 1, "disconnects": 7}
    tell(
        statistics(
            one={**UP, **rtt, **counts}, two=idle, three=first, group={"source": "logical", "state": "UP"}
        )
    )
    tell(statistics(one={**UP, **rtt, **counts, "txretries": 9}, two=idle, three=first))
    found = scraped(registry)
    assert {
        name: total(found, f"broker_{name}", broker="1")
        for name in (
            "connected", "round_trips_total", "round_trip_seconds_total", "round_trip_p99_seconds",
            "throttle_seconds_total", "request_errors_total", "request_retries_total", "request_timeouts_total",
            "disconnects_total",
        )
    } == {
        "connected": 1, "round_trips_total": 4, "round_trip_seconds_total": pytest.approx(0.006),
        "round_trip_p99_seconds": pytest.approx(0.0025), "throttle_seconds_total": pytest.approx(0.08),
        "request_errors_total": 3, "request_retries_total": 9, "request_timeouts_total": 5, "disconnects_total": 6,
    }  # fmt: skip
    assert total(found, "brokers_connected") == 2
    assert total(found, "broker_disconnects_total", broker="bootstrap") == 7
    brokers = {dict(labels)["broker"] for name, labels in found if name == "broker_connected"}
    assert brokers == {"1"}, "nobody misses one that was never asked for anything"


def test_brokers_of_another_producer_go_on(metered: Shop, registry: CollectorRegistry) -> None:
    """Another producer counts from nothing, as does a handle that was made anew: the sums never go down."""
    metered.mine.emit("sold", wait=5)
    tell = metered.producers[0].config["stats_cb"]
    tell(statistics(one={**UP, "txretries": 5}))
    tell(statistics("rdkafka#producer-2", one={**UP, "txretries": 5}))
    tell(statistics("rdkafka#producer-2", one={**UP, "txretries": 2}))
    assert total(scraped(registry), "broker_request_retries_total", broker="1") == 12


def test_brokers_that_are_gone_are_not_connected(metered: Shop, registry: CollectorRegistry) -> None:
    """One that left the cluster, and all of them once the app is closed."""
    metered.mine.emit("sold", wait=5)
    tell = metered.producers[0].config["stats_cb"]
    tell(statistics(one=UP, two={**UP, "nodeid": 2, "rtt": {"p99": 7}}))
    tell(statistics(two={**UP, "nodeid": 2}))
    found = scraped(registry)
    assert [total(found, "broker_connected", broker=each) for each in "12"] == [0, 1]
    metered.mine.close()
    found = scraped(registry)
    assert [total(found, "broker_connected", broker=each) for each in "12"] == [0, 0]
    assert total(found, "brokers_connected") == 0


def test_failure_is_told_and_costs_no_event(
    metered: Shop, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """What we can't read or show is told once a minute; the events go on."""
    metered.mine.emit("sold", wait=5)
    tell = metered.producers[0].config["stats_cb"]
    with caplog.at_level(logging.WARNING):
        tell("no JSON")
        tell("no JSON")
    assert caplog.text.count("The metrics lag behind: ") == 1
    metered.mine.emit("sold", wait=5)
    assert total(scraped(registry), "outcomes_total", outcome="delivered") == 2
