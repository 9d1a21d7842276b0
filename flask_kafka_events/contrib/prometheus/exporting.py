"""`export_metrics`: which app's counts go into which registry."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final, TypeGuard
from urllib.parse import quote
from weakref import WeakKeyDictionary

import msgspec
from flask import Flask
from prometheus_client import REGISTRY, CollectorRegistry

from flask_kafka_events.apps import lasting_pipeline_of, pipeline_of
from flask_kafka_events.contrib.prometheus.event_types import EventTypes
from flask_kafka_events.contrib.prometheus.feed import Feed
from flask_kafka_events.contrib.prometheus.metrics import Metrics, metrics_of
from flask_kafka_events.delivery.process import ProcessDelivery
from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.pipeline import Pipeline

#: Where an app keeps which registries it is exported to: `app.extensions["kafka_events_prometheus"]`.
EXTENSION: Final = "kafka_events_prometheus"
#: Set where several processes share their metrics, before prometheus_client is imported.
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"


def export_metrics(
    app: Flask,
    *,
    registry: CollectorRegistry = REGISTRY,
    name: str | None = None,
    types: Collection[str] | None = None,
) -> None:
    """Show what becomes of an app's events in a registry of Prometheus' client.

    Call it after `init_app`, in the app's factory. Again for the same app and registry it does nothing. It starts no
    thread: the poller, which sends the events, brings the numbers up to date twice a second, and a scrape of the registry
    does so first. With `PROMETHEUS_MULTIPROC_DIR` set, the processes of a server share their metrics.

    It has librdkafka make its statistics every 5 s, or as `statistics.interval.ms` in `KAFKA_EVENTS_PRODUCER` says.

    Args:
        app: it has a `KafkaEvents`.
        registry: where the metrics are.
        name: the value of the label `app`; None for the app's name. Apps that are called alike need one each: else their
            counters add up, and a gauge shows the one that wrote last.
        types: the event types that the label `type` tells apart, for example those that aren't made of what users send;
            None for the first 100 that come. All others are `other`.

    Raises:
        NotInitialised: the app has no `KafkaEvents`.
        ConfigurationError: `name` is no text, or `types` is one; its events are captured just now, or are in the
            registry already under another name, or with other types.
        ValueError: the registry has another metric of one of the names.

    .. versionadded:: 0.1
    """
    how = _how(app, name, types)
    known: WeakKeyDictionary[CollectorRegistry, _How] = app.extensions.setdefault(
        EXTENSION, WeakKeyDictionary()
    )
    if registry in known:
        _check_same(app, known[registry], how)
        return
    pipeline = lasting_pipeline_of(app, "export_metrics()")
    metrics = metrics_of(registry)
    known[registry] = how
    metrics.publishers.add(_Export(app, pipeline, metrics=metrics, how=how))


def _how(app: Flask, name: object, types: Collection[str] | None) -> "_How":
    if isinstance(types, str | bytes):
        raise ConfigurationError(
            f"export_metrics() was given types={types!r}, which would be its letters. Give it a list: types=[{types!r}]."
        )
    if name is None:
        name = app.name.encode(errors="backslashreplace").decode()
    if not _is_text(name):
        raise ConfigurationError(
            f"export_metrics() was given name={name!r}, which no label can hold: one lone surrogate fails the whole scrape. "
            f"Give it text that UTF-8 can carry."
        )
    return _How(label=name, types=None if types is None else frozenset(types))


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _check_same(app: Flask, first: "_How", second: "_How") -> None:
    if first != second:
        types = None if first.types is None else sorted(first.types)
        raise ConfigurationError(
            f"App {app.name!r} is exported to this registry already, with name={first.label!r} and types={types!r}. Call "
            f"export_metrics() once for both, or with the same."
        )


class _How(msgspec.Struct, frozen=True, kw_only=True):
    """What an app is called in a registry, and which of its types are told apart."""

    label: str
    types: frozenset[str] | None


class _Export:
    """One app's counts in one registry: those of each process that has any."""

    def __init__(
        self,
        app: Flask,
        pipeline: Pipeline,
        *,
        metrics: Metrics,
        how: _How,
    ) -> None:
        directory = os.environ.get(_SHARED)
        file = (
            None if directory is None else Path(directory, f"kafka_events_types_{quote(how.label, safe='')}")
        )
        self._app = app
        self._pipeline = pipeline
        self._metrics = metrics
        self._label = how.label
        self._types = EventTypes(how.types, file)
        self._is_shared = file is not None
        pipeline.processes.attach(self._watch)
        if self._is_shared:  # nobody asks this process before a scrape
            self.publish()

    def publish(self) -> None:
        """Bring the calling process's into the registry."""
        # Of what stands in for the app's pipeline too; a capture's process is let go of with it.
        for process in dict.fromkeys((self._pipeline.process, pipeline_of(self._app).process)):
            for watcher in process.watchers:
                if isinstance(watcher, Feed) and watcher.metrics is self._metrics:
                    watcher.publish()

    def _watch(self, process: ProcessDelivery) -> None:
        feed = Feed(
            process,
            settings=self._pipeline.settings,
            metrics=self._metrics,
            app=self._label,
            types=self._types,
            reminders=self._pipeline.reminders,
        )
        process.watchers.append(feed)
        process.connection.on_statistics.append(feed.take_statistics)
        if self._is_shared:  # what came to nothing without a poller is published at the end
            process.close_at_exit()
