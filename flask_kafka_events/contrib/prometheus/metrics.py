"""The metrics of one registry, which all apps that are exported to it share."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary, WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

from flask_kafka_events.contrib.prometheus.catalogue import CATALOGUE, LATENCY_BUCKETS, PREFIX, Entry
from flask_kafka_events.journal.forking import entrance


class Publisher(Protocol):
    """One app's counters, which are brought into its registry now and then."""

    def publish(self) -> None:
        """Do it now."""


class Metrics:
    """Prometheus' own objects: a collector of ours would show nothing in its multiprocess mode.

    Attributes:
        lock: held by whoever of us uses them. Forks wait for it: their own locks, copied while a thread holds them, would
            stop the child's poller for ever.
        publishers: asked before each scrape of the registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lock = entrance()
        self.publishers: WeakSet[Publisher] = WeakSet()
        registry.register(self)  # the first: a scrape comes to the others behind it
        self._made: dict[str, Any] = {entry.name: _made(entry, registry) for entry in CATALOGUE}

    def describe(self) -> Iterable[Metric]:
        """It has none of its own."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Have the others show this moment."""
        for publisher in list(self.publishers):
            publisher.publish()
        return ()

    def add(self, name: str, amount: float, labels: Sequence[str]) -> None:
        """Let a counter grow; 0 makes its series, if it isn't there."""
        counter = self._made[name].labels(*labels)
        if amount:
            counter.inc(amount)

    def set(self, name: str, value: float, labels: Sequence[str]) -> None:
        """Let a gauge show a value."""
        self._made[name].labels(*labels).set(value)

    def observing(self, name: str, labels: Sequence[str]) -> Callable[[float], None]:
        """Gives a histogram's series one value after the other: to look it up for each takes as long."""
        observe: Callable[[float], None] = self._made[name].labels(*labels).observe
        return observe


def metrics_of(registry: CollectorRegistry) -> Metrics:
    """Those of a registry, made when they are first asked for.

    Raises:
        ValueError: somebody else has a metric of one of the names in it.
    """
    if registry not in _metrics:
        _metrics[registry] = Metrics(registry)
    return _metrics[registry]


# A registry has one metric of a name, however many apps there are, and no place for what belongs to it.
_metrics: Final["WeakKeyDictionary[CollectorRegistry, Metrics]"] = WeakKeyDictionary()


def _made(entry: Entry, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name, labels = PREFIX + entry.name, ("app", *entry.labels)
    if entry.kind == "counter":
        return Counter(name, entry.meaning, labels, registry=registry)
    if entry.kind == "gauge":
        return Gauge(name, entry.meaning, labels, registry=registry, multiprocess_mode=entry.merging)
    return Histogram(name, entry.meaning, labels, registry=registry, buckets=LATENCY_BUCKETS)
