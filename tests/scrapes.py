"""What a scrape of our metrics says, and what it has to say by the ledgers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flask_kafka_events import Stats

PREFIX = "flask_kafka_events_"

#: A sample's name without the prefix, and its labels.
Series: TypeAlias = tuple[str, frozenset[tuple[str, str]]]

LEFT_OUT = ("discarded", "vetoed", "sampled_out", "not_matching", "disabled")


def samples(text: str) -> dict[Series, float]:
    """All of ours in a scrape, each once."""
    found: dict[Series, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(PREFIX):
                series = sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())
                assert series not in found, series
                found[series] = sample.value
    return found


def scraped(registry: CollectorRegistry) -> dict[Series, float]:
    """What a scrape of a registry says."""
    return samples(generate_latest(registry).decode())


def total(found: Mapping[Series, float], name: str, **labels: str) -> float:
    """The sum of a metric over the series with these labels."""
    return sum(value for (each, have), value in found.items() if each == name and set(labels.items()) <= have)


def ledger_of(text: str, app: str = "shop") -> dict[str, Any]:
    """What a scrape says of an app, in the ledger's words; each number is a sum over the event types."""
    found = samples(text)
    return {
        "emitted": total(found, "emitted_total", app=app),
        "adopted": total(found, "adopted_total", app=app),
        "pending": total(found, "pending", app=app),
        "receiver_errors": total(found, "receiver_errors_total", app=app),
        "delivered": total(found, "outcomes_total", app=app, outcome="delivered"),
        "dead": total(found, "outcomes_total", app=app, outcome="dead"),
        "failed_by_reason": _by_reason(found, app, "failed"),
        "dropped_by_reason": _by_reason(found, app, "dropped"),
        **{reason: total(found, "left_out_total", app=app, reason=reason) for reason in LEFT_OUT},
    }


def as_ledger(stats: Stats) -> dict[str, Any]:
    """A process's ledger in the same form."""
    names = ("emitted", "adopted", "pending", "receiver_errors", "delivered", "dead", *LEFT_OUT)
    return {
        "failed_by_reason": dict(stats.failed_by_reason),
        "dropped_by_reason": dict(stats.dropped_by_reason),
        **{name: getattr(stats, name) for name in names},
    }


def summed(ledgers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What several processes' ledgers say together."""
    numbers: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for ledger in ledgers:
        for name, value in ledger.items():
            if isinstance(value, Mapping):
                reasons.setdefault(name, Counter()).update(value)
            else:
                numbers[name] += value
    return {**numbers, **{name: dict(each) for name, each in reasons.items()}}


def _by_reason(series: Mapping[Series, float], app: str, outcome: str) -> dict[str, float]:
    found: Counter[str] = Counter()
    for (name, labels), value in series.items():
        named = dict(labels)
        if name == "outcomes_total" and named["app"] == app and named["outcome"] == outcome:
            found[named["reason"]] += int(value)
    return dict(found)
