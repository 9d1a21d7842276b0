"""An app's metrics: whose they are, and what they show."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from flask import Flask
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from flask_kafka_events import ConfigurationError, Delivery, Event, NotInitialised, Record, event_created
from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.contrib.prometheus.event_types import OTHER
from flask_kafka_events.event import derived_id
from tests.processes import wait_until
from tests.scrapes import as_ledger, ledger_of, samples, scraped, total
from tests.sending import Shop, shop

from .test_journaling import journaling


def test_without_the_extra_it_is_named() -> None:
    """Where prometheus_client isn't installed the error says what to install."""
    code = "import sys\nsys.modules['prometheus_client'] = None\nimport flask_kafka_events.contrib.prometheus"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.endswith(
        "MissingExtra: flask_kafka_events.contrib.prometheus needs prometheus-client, which isn't installed. Install the "
        "extra: pip install 'flask-kafka-events[prometheus]'\n"
    )


def test_the_package_itself_does_not_need_it() -> None:
    """Who doesn't export metrics never imports Prometheus' client."""
    code = "import sys, flask_kafka_events\nassert 'prometheus_client' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_app_without_the_extension_is_told(registry: CollectorRegistry) -> None:
    """Exporting comes after init_app."""
    with pytest.raises(NotInitialised, match="init_app"):
        export_metrics(Flask("shop"), registry=registry)


def test_exporting_twice_counts_once(metered: Shop, registry: CollectorRegistry) -> None:
    """For the same app and registry the second call does nothing; another registry gets its own."""
    another = CollectorRegistry()
    export_metrics(metered.app, registry=registry)
    export_metrics(metered.app, registry=another)
    metered.mine.emit("sold", wait=5)
    for each in (registry, another):
        assert total(scraped(each), "emitted_total") == 1
        assert total(scraped(each), "delivery_latency_seconds_count") == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "one"}, {"name": "two"}),
        ({"name": "one"}, {}),
        ({}, {"types": ["sold"]}),
        ({"types": ["sold"]}, {"types": ["bought"]}),
    ],
)
def test_exporting_twice_in_two_ways_is_refused(
    first: dict[str, Any], second: dict[str, Any], registry: CollectorRegistry
) -> None:
    """The second would be ignored; said in another way it is the same, and another registry may have it so."""
    with shop() as held:
        export_metrics(held.app, registry=registry, **first)
        with pytest.raises(
            ConfigurationError, match=r"App 'shop' is exported to this registry already, with name="
        ):
            export_metrics(held.app, registry=registry, **second)
        export_metrics(held.app, registry=registry, **{"name": "shop", "types": None, **first})
        export_metrics(held.app, registry=CollectorRegistry(), **second)


def test_apps_of_one_registry_are_told_apart(metered: Shop, registry: CollectorRegistry) -> None:
    """By the label `app`: the app's name, or the one that is given."""
    with shop("market") as market, shop("shop") as namesake:
        export_metrics(market.app, registry=registry)
        export_metrics(namesake.app, registry=registry, name="shop at the corner")
        for number, each in enumerate((metered, market, namesake)):
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


def test_outcomes_have_type_and_reason(metered: Shop, registry: CollectorRegistry) -> None:
    """Delivered, failed and dropped events, each with its type; what was delivered has no reason."""
    metered.mine.emit("sold", wait=5)
    metered.mine.emit("bought", float("nan"))
    metered.producers[0].error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    metered.mine.emit("bought")
    metered.mine.flush(5)
    metered.mine.close()
    metered.mine.emit("late")
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


def test_what_is_lost_by_number_counts_as_other(metered: Shop, registry: CollectorRegistry) -> None:
    """Events that nobody was told of are in the metrics all the same, once."""
    ledger = metered.app.extensions["kafka_events"].process.ledger
    ledger.adopt(5)
    ledger.fail("journal_damaged", 3)
    ledger.hand_over(2)
    for _ in range(2):
        text = generate_latest(registry).decode()
        assert ledger_of(text) == as_ledger(metered.mine.stats())
        assert total(samples(text), "outcomes_total", type=OTHER) == 5


def test_events_before_the_export_count(registry: CollectorRegistry) -> None:
    """Whoever exports late misses their types and nothing else."""
    with shop() as held:
        held.mine.emit("sold", wait=5)
        export_metrics(held.app, registry=registry)
        assert ledger_of(generate_latest(registry).decode()) == as_ledger(held.mine.stats())


def test_poller_brings_the_numbers_up_to_date(metered: Shop) -> None:
    """Without a scrape, which doesn't reach every process: within about half a second."""
    registry = CollectorRegistry()
    export_metrics(metered.app, registry=registry)
    metered.mine.emit("sold", wait=5)
    name = "flask_kafka_events_emitted_total"
    wait_until(lambda: registry.get_sample_value(name, {"app": "shop"}) == 1, "it is published")


def test_queue_and_its_limits_are_shown(metered: Shop, registry: CollectorRegistry) -> None:
    """How much waits in memory, beside what may."""
    metered.mine.emit("sold", wait=5)
    metered.producers[0].answers = False
    metered.mine.emit("sold")
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


def test_latency_that_cannot_be_told_is_left_out(metered: Shop, registry: CollectorRegistry) -> None:
    """A record that can't be read back is counted and has no latency; a clock that was set back makes none negative."""
    metered.mine.emit("sold", wait=5)
    before = scraped(registry)
    (feed,) = metered.app.extensions["kafka_events"].process.watchers
    unreadable = Record(id="x", type="sold", topic="shop", key=None, value=b"", headers=())
    delivery = Delivery(topic="shop", partition=0, offset=0)
    feed.delivered(unreadable, delivery)
    feed.delivered(replace(unreadable, id="ffffffff-ffff-7000-8000-000000000000"), delivery)
    found = scraped(registry)
    assert total(found, "outcomes_total", outcome="delivered") == 3
    assert total(found, "delivery_latency_seconds_count") == 2
    name = "delivery_latency_seconds_sum"
    assert total(found, name) == total(before, name)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"types": "sold"}, r"types='sold', which would be its letters.*types=\['sold'\]"),
        ({"types": b"sold"}, r"types=b'sold', which would be its letters"),
        ({"name": "shop \udcff"}, r"name='shop \\udcff', which no label can hold"),
        ({"name": 7}, "name=7, which no label can hold"),
    ],
)
def test_what_no_label_can_be_is_told(how: dict[str, Any], told: str) -> None:
    """Where it is said, and not by scrapes that fail or by types that are all `other`; nothing is exported."""
    registry = CollectorRegistry()
    with shop() as held:
        with pytest.raises(ConfigurationError, match=told):
            export_metrics(held.app, registry=registry, **how)
        assert generate_latest(registry) == b""


def test_an_apps_own_name_may_be_anything() -> None:
    """What UTF-8 can't carry is escaped: it is no reason to fail a scrape."""
    registry = CollectorRegistry()
    with shop("shop \udcff") as held:
        export_metrics(held.app, registry=registry)
        assert total(scraped(registry), "emitted_total", app=r"shop \udcff") == 0
        assert ("emitted_total", frozenset({("app", r"shop \udcff")})) in scraped(registry)
