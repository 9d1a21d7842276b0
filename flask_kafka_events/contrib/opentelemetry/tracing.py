"""`trace_events`: which app's events are traced, and by whom."""

from functools import partial
from importlib.metadata import version
from typing import Final

from flask import Flask
from opentelemetry import trace

from flask_kafka_events.apps import lasting_pipeline_of
from flask_kafka_events.content import ContentMaker
from flask_kafka_events.contrib.opentelemetry.parents import remember_requests
from flask_kafka_events.contrib.opentelemetry.spans import SCHEMA, EventSpans
from flask_kafka_events.delivery.connection import ProducerFactory
from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.formats import FORMATS
from flask_kafka_events.pipeline import Pipeline

#: Where an app keeps which tracer provider it was given: `app.extensions["kafka_events_spans"]`.
EXTENSION: Final = "kafka_events_spans"


def trace_events(app: Flask, *, tracer_provider: trace.TracerProvider | None = None) -> None:
    """Trace an app's events: a PRODUCER span for each, whose context goes into the event's attributes and Kafka headers.

    Call it where the app is made, after `init_app`; a second call with the same changes nothing. The span is a child of the one that is
    current where the event is emitted, of the request's for a decorated function, and ends when the broker has answered.

    Args:
        app: one that has a `KafkaEvents`.
        tracer_provider: whose tracer makes the spans; None for the global one.

    Raises:
        NotInitialised: the app has no `KafkaEvents`.
        ConfigurationError: its events have begun in this process, or are captured just now, or it is traced by another
            provider already.

    .. versionadded:: 0.1
    """
    if EXTENSION in app.extensions:
        _check_same(app, tracer_provider)
        return
    pipeline = lasting_pipeline_of(app, "trace_events()")
    _check_not_begun(pipeline)
    tracer = trace.get_tracer("flask_kafka_events", version("flask-kafka-events"), tracer_provider, SCHEMA)
    remember_requests(app)
    app.extensions[EXTENSION] = tracer_provider
    spans = EventSpans(app, pipeline, tracer)
    formats = {name: partial(spans.write, write) for name, write in FORMATS.items()}
    pipeline.contents = ContentMaker(settings=pipeline.settings, formats=formats)
    pipeline.factory = _uninstrumented(pipeline.factory)
    pipeline.processes.attach(lambda process: process.watchers.append(spans))


def _check_same(app: Flask, tracer_provider: trace.TracerProvider | None) -> None:
    if app.extensions[EXTENSION] is not tracer_provider:
        raise ConfigurationError(
            f"App {app.name!r} is traced already, by another tracer_provider. Call trace_events() once for it, or with the "
            f"same one."
        )


def _check_not_begun(pipeline: Pipeline) -> None:
    made = pipeline.processes.made()
    if made is not None and (made.is_started or made.ledger.entered):
        raise ConfigurationError(
            f"trace_events() came too late for app {pipeline.host.name!r}, whose events have begun in this process. Call it "
            f"right after init_app."
        )


def _uninstrumented(factory: ProducerFactory) -> ProducerFactory:
    """The producer itself, where OpenTelemetry's Kafka instrumentation has put one in its place that makes spans too."""
    if not isinstance(factory, type):
        return factory
    return next(base for base in factory.__mro__ if not base.__module__.startswith("opentelemetry."))
