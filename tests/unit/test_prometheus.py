"""An app's metrics: whose they are, what they show, and that they stand in nobody's way."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from flask_kafka_events import Delivery, Event, NotInitialised, Record, event_created
from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.contrib.prometheus.event_types import LONGEST, MOST, OTHER, EventTypes
from flask_kafka_events.contrib.prometheus.feed import Feed
from flask_kafka_events.contrib.prometheus.metrics import Metrics, metrics_of
from flask_kafka_events.delivery.per_process import PerProcess
from flask_kafka_events.event import derived_id
from tests.processes import wait_until
from tests.scrapes import Series, as_ledger, ledger_of, samples, total
from tests.sending import Shop, shop

from .forked import forked
from .test_journaling import journaling


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def here(registry: CollectorRegistry) -> Iterator[Shop]:
    """A shop whose events are counted there."""
    with shop(testing=False) as held:
        export_metrics(held.app, registry=registry)
        yield held


def scraped(registry: CollectorRegistry) -> dict[Series, float]:
    """What a scrape says."""
    return samples(generate_latest(registry).decode())


def test_without_the_extra_it_is_named() -> None:
    """Where prometheus_client isn't installed the error says what to install."""
    code = "import sys\nsys.modules['prometheus_client'] = None\nimport flask_kafka_events.contrib.prometheus"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.endswith("Install the extra: pip install 'flask-kafka-events[prometheus]'\n")
    assert "ConfigurationError" in ended.stderr


def test_the_package_itself_does_not_need_it() -> None:
    """Who doesn't export metrics never imports Prometheus' client."""
    code = "import sys, flask_kafka_events\nassert 'prometheus_client' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_app_without_the_extension_is_told(registry: CollectorRegistry) -> None:
    """Exporting comes after init_app."""
    with pytest.raises(NotInitialised, match="init_app"):
        export_metrics(Flask("shop"), registry=registry)


def test_exporting_twice_counts_once(here: Shop, registry: CollectorRegistry) -> None:
    """For the same app and registry the second call does nothing; another registry gets its own."""
    another = CollectorRegistry()
    export_metrics(here.app, registry=registry)
    export_metrics(here.app, registry=another)
    here.mine.emit("sold", wait=5)
    for each in (registry, another):
        assert total(scraped(each), "emitted_total") == 1
        assert total(scraped(each), "delivery_latency_seconds_count") == 1


def test_apps_of_one_registry_are_told_apart(here: Shop, registry: CollectorRegistry) -> None:
    """By the label `app`: the app's name, or the one that is given."""
    with shop("market") as market, shop("shop") as namesake:
        export_metrics(market.app, registry=registry)
        export_metrics(namesake.app, registry=registry, name="shop at the corner")
        for number, each in enumerate((here, market, namesake)):
            for _ in range(number + 1):
                each.mine.emit("sold", wait=5)
        found = scraped(registry)
    names = ("shop", "market", "shop at the corner")
    assert [total(found, "emitted_total", app=name) for name in names] == [1, 2, 3]


def test_app_that_is_gone_is_asked_no_more(registry: CollectorRegistry) -> None:
    """A registry keeps no app alive, and what was counted stays."""
    with shop() as held:
        export_metrics(held.app, registry=registry)
        held.mine.emit("sold", wait=5)
        assert total(scraped(registry), "emitted_total") == 1
    assert total(scraped(registry), "emitted_total") == 1


def test_outcomes_have_type_and_reason(here: Shop, registry: CollectorRegistry) -> None:
    """Delivered, failed and dropped events, each with its type; what was delivered has no reason."""
    here.mine.emit("sold", wait=5)
    here.mine.emit("bought", float("nan"))
    here.producers[0].error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    here.mine.emit("bought")
    here.mine.flush(5)
    here.mine.close()
    here.mine.emit("late")
    found = {
        tuple(dict(labels)[name] for name in ("type", "outcome", "reason")): value
        for (name, labels), value in scraped(registry).items()
        if name == "outcomes_total"
    }
    assert found == {
        ("sold", "delivered", ""): 1,
        ("bought", "failed", "encoding"): 1,
        ("bought", "failed", "MSG_SIZE_TOO_LARGE"): 1,
        ("late", "dropped", "closed"): 1,
    }


def test_what_is_lost_by_number_counts_as_other(here: Shop, registry: CollectorRegistry) -> None:
    """Events that nobody was told of are in the metrics all the same, once."""
    ledger = here.app.extensions["kafka_events"].process.ledger
    ledger.adopt(5)
    ledger.fail("journal_damaged", 3)
    ledger.drop("journal_taken", 2)
    for _ in range(2):
        text = generate_latest(registry).decode()
        assert ledger_of(text) == as_ledger(here.mine.stats())
        assert total(samples(text), "outcomes_total", type=OTHER) == 5


def test_events_before_the_export_count(registry: CollectorRegistry) -> None:
    """Whoever exports late misses their types and nothing else."""
    with shop() as held:
        held.mine.emit("sold", wait=5)
        export_metrics(held.app, registry=registry)
        assert ledger_of(generate_latest(registry).decode()) == as_ledger(held.mine.stats())


def test_poller_brings_the_numbers_up_to_date(here: Shop) -> None:
    """Without a scrape, which doesn't reach every process: within about half a second."""
    registry = CollectorRegistry()
    export_metrics(here.app, registry=registry)
    here.mine.emit("sold", wait=5)
    name = "flask_kafka_events_emitted_total"
    wait_until(lambda: registry.get_sample_value(name, {"app": "shop"}) == 1, "it is published")


def test_queue_and_its_limits_are_shown(here: Shop, registry: CollectorRegistry) -> None:
    """How much waits in memory, beside what may."""
    here.mine.emit("sold", wait=5)
    here.producers[0].answers = False
    here.mine.emit("sold")
    found = scraped(registry)
    names = ("pending", "queue_events", "queue_limit_events", "queue_limit_bytes")
    assert [total(found, name) for name in names] == [1, 1, 100_000, 256 * 1024**2]
    assert total(found, "queue_bytes") > 100
    assert ("journal_events", frozenset({("app", "shop")})) not in found


def test_journal_and_its_limit_are_shown(tmp_path: Path, registry: CollectorRegistry) -> None:
    """How much waits on disk, beside what may, and how large the files are."""
    with journaling(tmp_path, answers=False) as held:
        export_metrics(held.app, registry=registry)
        held.mine.emit("sold")
        wait_until(lambda: bool(held.producers), "the poller runs")
        found = scraped(registry)
        names = ("journal_events", "queue_events", "journal_limit_bytes", "pending")
        assert [total(found, name) for name in names] == [1, 0, 1024**3, 1]
        assert 100 < total(found, "journal_bytes") < total(found, "journal_file_bytes")
        for path in (tmp_path / "shop").iterdir():
            path.unlink()
        assert total(scraped(registry), "journal_file_bytes") == 0


def test_latency_runs_from_the_emit(registry: CollectorRegistry) -> None:
    """An event that the broker takes after 0.3 s counts in the buckets above that."""
    with shop() as held:
        export_metrics(held.app, registry=registry)
        held.mine.emit("first", wait=5)
        held.producers[0].answers = False
        held.mine.emit("sold")
        assert not held.mine.flush(0.3)
        held.producers[0].answers = True
        assert held.mine.flush(5)
        found = scraped(registry)
    assert total(found, "delivery_latency_seconds_bucket", le="0.25") == 1
    assert total(found, "delivery_latency_seconds_bucket", le="10.0") == 2
    assert 0.3 <= total(found, "delivery_latency_seconds_sum") < 10


@pytest.mark.parametrize("format", ["cloudevents", "cloudevents-binary", "plain"])
def test_latency_of_an_event_without_time_in_its_id(registry: CollectorRegistry, format: str) -> None:
    """An id that is derived, or made by hand, tells no time: the event's own stands in."""
    with shop(FORMAT=format) as held:
        export_metrics(held.app, registry=registry)

        def renamed(app: Flask, event: Event) -> Event:
            return Event(
                **{**{name: getattr(event, name) for name in Event.__struct_fields__}, "id": derived_id("x")}
            )

        with event_created.connected_to(renamed, sender=held.app):
            held.mine.emit("sold", wait=5)
        found = scraped(registry)
    assert total(found, "delivery_latency_seconds_count") == 1
    assert total(found, "delivery_latency_seconds_sum") < 5


def test_latency_that_cannot_be_told_is_left_out(here: Shop, registry: CollectorRegistry) -> None:
    """A record that can't be read back is counted and has no latency; a clock that was set back makes none negative."""
    here.mine.emit("sold", wait=5)
    before = scraped(registry)
    (feed,) = here.app.extensions["kafka_events"].process.watchers
    unreadable = Record(id="x", type="sold", topic="shop", key=None, value=b"", headers=())
    delivery = Delivery(topic="shop", partition=0, offset=0)
    feed.delivered(unreadable, delivery)
    feed.delivered(replace(unreadable, id="ffffffff-ffff-7000-8000-000000000000"), delivery)
    found = scraped(registry)
    assert total(found, "outcomes_total", outcome="delivered") == 3
    assert total(found, "delivery_latency_seconds_count") == 2
    name = "delivery_latency_seconds_sum"
    assert total(found, name) == total(before, name)


@given(st.lists(st.text(alphabet=st.characters()) | st.integers() | st.none(), max_size=MOST + 50))
def test_types_are_bounded_whatever_they_are(types: list[object]) -> None:
    """Anything given for a type has a label that a scrape can carry, and there are never more than so many."""
    labels = EventTypes(None, None)
    found = [labels.label_of(each) for each in types]
    assert len({*found} - {OTHER}) <= MOST
    for each, label in zip(types, found, strict=True):
        assert label in (each, OTHER)
        label.encode()


def test_types_behind_the_bound_are_other() -> None:
    """The first hundred keep their own value, later ones and those that are too long share one."""
    labels = EventTypes(None, None)
    assert labels.label_of("x" * (LONGEST + 1)) == OTHER
    names = [f"type{number}" for number in range(MOST + 2)]
    assert [labels.label_of(name) for name in names] == [*names[:MOST], OTHER, OTHER]
    assert labels.label_of("type0") == "type0"


def test_named_types_are_the_only_ones() -> None:
    """Where the app names its types all others are other."""
    labels = EventTypes(["sold"], None)
    assert [labels.label_of(each) for each in ("sold", "bought", None)] == ["sold", OTHER, OTHER]


def test_processes_share_one_bound(tmp_path: Path) -> None:
    """All that share their metrics have the same hundred types, whoever came with them; half a line is passed over."""
    shared = tmp_path / "types"
    shared.write_bytes(b'"by a dead process"\n"half\n')
    one, two = EventTypes(None, shared), EventTypes(None, shared)
    for number in range(MOST):
        (one, two)[number % 2].label_of(f"type{number}")
    found = {labels.label_of(f"type{number}") for labels in (one, two) for number in range(MOST)}
    assert found == {*(f"type{number}" for number in range(MOST - 1)), OTHER}
    assert one.label_of("by a dead process") == two.label_of("by a dead process") == "by a dead process"
    size = shared.stat().st_size
    assert two.label_of("one more") == OTHER
    assert shared.stat().st_size == size, "one that knows enough doesn't write"


def test_types_are_other_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Without the folder they can't be agreed on."""
    assert EventTypes(None, tmp_path / "gone" / "types").label_of("sold") == OTHER


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


def test_brokers_are_shown(here: Shop, registry: CollectorRegistry) -> None:
    """What librdkafka tells of its brokers, in seconds, by the broker's id; its own handles are none."""
    here.mine.emit("sold", wait=5)
    tell = here.producers[0].config["stats_cb"]
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


def test_brokers_of_another_producer_go_on(here: Shop, registry: CollectorRegistry) -> None:
    """Another producer counts from nothing, as does a handle that was made anew: the sums never go down."""
    here.mine.emit("sold", wait=5)
    tell = here.producers[0].config["stats_cb"]
    tell(statistics(one={**UP, "txretries": 5}))
    tell(statistics("rdkafka#producer-2", one={**UP, "txretries": 5}))
    tell(statistics("rdkafka#producer-2", one={**UP, "txretries": 2}))
    assert total(scraped(registry), "broker_request_retries_total", broker="1") == 12


def test_brokers_that_are_gone_are_not_connected(here: Shop, registry: CollectorRegistry) -> None:
    """One that left the cluster, and all of them once the app is closed."""
    here.mine.emit("sold", wait=5)
    tell = here.producers[0].config["stats_cb"]
    tell(statistics(one=UP, two={**UP, "nodeid": 2, "rtt": {"p99": 7}}))
    tell(statistics(two={**UP, "nodeid": 2}))
    found = scraped(registry)
    assert [total(found, "broker_connected", broker=each) for each in "12"] == [0, 1]
    here.mine.close()
    found = scraped(registry)
    assert [total(found, "broker_connected", broker=each) for each in "12"] == [0, 0]
    assert total(found, "brokers_connected") == 0


def test_failure_is_told_and_costs_no_event(
    here: Shop, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """What we can't read or show is told once a minute; the events go on."""
    here.mine.emit("sold", wait=5)
    tell = here.producers[0].config["stats_cb"]
    with caplog.at_level(logging.WARNING):
        tell("no JSON")
        tell("no JSON")
    assert caplog.text.count("The metrics lag behind: ") == 1
    here.mine.emit("sold", wait=5)
    assert total(scraped(registry), "outcomes_total", outcome="delivered") == 2


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
        pipeline.process.ledger.on_change.append(feed.changed)

        def emit_spoilt() -> None:
            held.mine.emit("spoilt", float("nan"))

        metrics.act = emit_spoilt
        emit_spoilt()
        assert held.mine.stats().failed == 2
        assert ledger_of(generate_latest(registry).decode()) == as_ledger(held.mine.stats())


def test_fork_waits_for_who_writes(here: Shop, registry: CollectorRegistry) -> None:
    """A child never inherits a lock of Prometheus' client that a thread of ours holds: its own counting would hang."""
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            here.mine.emit("spoilt", float("nan"))
            metrics_of(registry).collect()

    def count() -> float:
        here.mine.emit("sold", wait=5)
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
