"""A span for each event, from its record to the broker's answer, and its trace context in what is sent.

Names are those of OpenTelemetry's semantic conventions for messaging and Kafka, version 1.44 (still in development):
https://github.com/open-telemetry/semantic-conventions/blob/v1.44.0/docs/messaging/kafka.md.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Final

import msgspec
from flask import Flask, Response, got_request_exception

from flask_kafka_events.apps import lasting_pipeline_of, request_of
from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.content import ContentMaker
from flask_kafka_events.contrib.open_spans import OpenSpans
from flask_kafka_events.delivery.connection import ProducerFactory
from flask_kafka_events.delivery.per_process import PerProcess
from flask_kafka_events.errors import ConfigurationError, MissingExtra, class_name, explanation
from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats import FORMATS
from flask_kafka_events.log_line import Line
from flask_kafka_events.mistakes import loss_of, refusal_of
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.trace_context import valid_tracestate

try:
    from opentelemetry import trace
    from opentelemetry.context import Context, get_current
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise MissingExtra(
        "flask_kafka_events.contrib.opentelemetry needs opentelemetry-api, which isn't installed. Install the extra: pip "
        "install 'flask-kafka-events[opentelemetry]'."
    ) from error

#: What became of an event that wasn't delivered, as `Stats` calls it: `failed`, `dropped`, `dead`, `pending`.
OUTCOME: Final = "flask_kafka_events.outcome"

_SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"
_EXTENSION: Final = "kafka_events_spans"
_REMEMBERED: Final = "_flask_kafka_events_context"
_W3C: Final = TraceContextTextMapPropagator()


def trace_events(app: Flask, *, tracer_provider: trace.TracerProvider | None = None) -> None:
    """Trace an app's events: a PRODUCER span for each, whose context goes into the event's attributes and Kafka headers.

    Call it where the app is made, after `init_app`; a second call changes nothing. The span is a child of the one that is
    current where the event is emitted, of the request's for a decorated function, and ends when the broker has answered.

    Args:
        app: one that has a `KafkaEvents`.
        tracer_provider: whose tracer makes the spans; None for the global one.

    Raises:
        NotInitialised: the app has no `KafkaEvents`.
        ConfigurationError: its events have begun in this process, or are captured just now.

    .. versionadded:: 0.1
    """
    if _EXTENSION in app.extensions:
        return
    pipeline = lasting_pipeline_of(app, "trace_events()")
    _check_not_begun(pipeline)
    tracer = trace.get_tracer("flask_kafka_events", version("flask-kafka-events"), tracer_provider, _SCHEMA)
    app.after_request(partial(_remember_answered, app))
    got_request_exception.connect(_remember_failed, sender=app)
    app.extensions[_EXTENSION] = spans = EventSpans(app, pipeline, tracer)
    formats = {name: partial(spans.write, write) for name, write in FORMATS.items()}
    pipeline.contents = ContentMaker(settings=pipeline.settings, formats=formats)
    pipeline.factory = _uninstrumented(pipeline.factory)
    pipeline.processes.attach(lambda process: process.watchers.append(spans))


class EventSpans:
    """Watches one app's events, of which each has a span: it begins with the event's record and ends with its end."""

    def __init__(self, app: Flask, pipeline: Pipeline, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer
        self._reminders = pipeline.reminders
        self._server = server_of(pipeline.settings.bootstrap_servers)
        self._open = PerProcess(OpenSpans)

    def delivered(self, record: Record, delivery: Delivery) -> None:
        """End the span of this record's event."""
        self._end_of(record, delivery)

    def lost(self, loss: Loss) -> None:
        """End the span of the event, unless it came to nothing before it had a record."""
        if loss.record is not None:
            self._end_of(loss.record, loss)

    def tick(self) -> None:
        """Nothing is due at any time."""

    def closed(self) -> None:
        """End what is open: another process sends those events, and nobody tells this one."""
        for span in self._open.current().take_all():
            self._end(span, None)

    def write(self, write: Callable[[Event], Record], event: Event) -> Record:
        """`write`, and a span begins with what it writes."""
        try:
            parent = self._parent(event)
            span = self._start(event, parent)
            carrier = _carrier(span, parent)
        except Exception as error:  # noqa: BLE001 - samplers and processors are the app's and may raise anything
            self._tell(error)
            return write(event)
        try:
            record = write(_carrying(event, carrier))
        except Exception as error:
            self._end(span, loss_of(event.type, refusal_of(error)))
            raise
        if span.is_recording() and not self._open.current().add(record.id, span):
            self._end(span, None)
        return record.with_headers(tuple((name, text.encode()) for name, text in carrier.items()))

    def _start(self, event: Event, parent: Context) -> trace.Span:
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": event.topic,
            "messaging.message.id": event.id,
            "cloudevents.event_type": event.type,
            **self._server,
        }
        if event.key is not None:
            attributes["messaging.kafka.message.key"] = event.key
        return self._tracer.start_span(
            f"send {event.topic}",
            context=parent,
            kind=trace.SpanKind.PRODUCER,
            attributes=attributes,
        )

    def _parent(self, event: Event) -> Context:
        current = get_current()
        if trace.get_current_span(current).get_span_context().is_valid:
            return current
        request = request_of(self._app)
        remembered: Context | None = None if request is None else vars(request).get(_REMEMBERED)
        if remembered is not None:
            return remembered
        carrier = {name: str(event.attributes[name]) for name in _W3C.fields if name in event.attributes}
        return _W3C.extract(carrier, current)

    def _end_of(self, record: Record, end: Delivery | Loss) -> None:
        span = self._open.current().take(record.id)
        if span is not None:
            self._end(span, end)

    def _end(self, span: trace.Span, end: Delivery | Loss | None) -> None:
        try:
            span.set_attributes(_attributes_of(end))
            if isinstance(end, Loss):
                span.set_status(trace.Status(trace.StatusCode.ERROR, end.explanation))
            span.end()
        except Exception as error:  # noqa: BLE001 - processors and exporters are the app's and may raise anything
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        text = "The tracer failed; the event goes on without its span. %s."
        line = Line("tracer_failed", error=class_name(error))
        self._reminders.warn("tracer", text, explanation(error), line=line)


def _check_not_begun(pipeline: Pipeline) -> None:
    made = pipeline.processes.made()
    if made is not None and (made.is_started or made.ledger.entered):
        raise ConfigurationError(
            f"trace_events() came too late for app {pipeline.host.name!r}, whose events have begun in this process. Call it "
            f"right after init_app."
        )


def server_of(bootstrap_servers: str | None) -> dict[str, str | int]:
    """`server.address` and `server.port` where one broker is named; of several it isn't known which one has an event."""
    if bootstrap_servers in (None, EMBEDDED) or "," in bootstrap_servers:
        return {}
    host, _, port = bootstrap_servers.rpartition(":")
    return {"server.address": host.strip("[]"), "server.port": int(port)}


def _attributes_of(end: Delivery | Loss | None) -> dict[str, str | int]:
    if isinstance(end, Delivery):
        return {
            "messaging.destination.partition.id": str(end.partition),
            "messaging.kafka.offset": end.offset,
        }
    if end is None:
        return {OUTCOME: "pending"}
    outcome = "dead" if end.dead else "dropped" if end.dropped else "failed"
    return {OUTCOME: outcome, "error.type": end.reason}


def _carrier(span: trace.Span, parent: Context) -> dict[str, str]:
    """What goes with the event; where there is no SDK, and so no span of ours, what its parent says."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span) if span.get_span_context().is_valid else parent)
    if not valid_tracestate(carrier.get("tracestate", "")):
        carrier.pop("tracestate", None)
    return carrier


def _carrying(event: Event, carrier: dict[str, str]) -> Event:
    """The event with this trace context in place of the request's own, where there is one."""
    if not carrier:
        return event
    rest = {name: value for name, value in event.attributes.items() if name not in _W3C.fields}
    return msgspec.structs.replace(event, attributes={**rest, **carrier})


def _uninstrumented(factory: ProducerFactory) -> ProducerFactory:
    """The producer itself, where OpenTelemetry's Kafka instrumentation has put one in its place that makes spans too."""
    if not isinstance(factory, type):
        return factory
    return next(base for base in factory.__mro__ if not base.__module__.startswith("opentelemetry."))


# At the answer and at an exception, for later there may be no span: OpenTelemetry's Flask instrumentation ends the
# request's in a teardown function, and those run before the event is decided where another receiver listens to
# request_finished, and where the exception leaves the app.
def _remember_answered(app: Flask, response: Response) -> Response:
    _remember(app)
    return response


def _remember_failed(app: Flask, **_: object) -> None:
    _remember(app)


def _remember(app: Flask) -> None:
    request, current = request_of(app), get_current()
    if request is not None and trace.get_current_span(current).get_span_context().is_valid:
        vars(request)[_REMEMBERED] = current
