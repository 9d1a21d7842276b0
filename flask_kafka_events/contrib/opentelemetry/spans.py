"""A span for each event, from its record to the broker's answer.

Names are those of OpenTelemetry's semantic conventions for messaging and Kafka, version 1.44 (still in development):
https://github.com/open-telemetry/semantic-conventions/blob/v1.44.0/docs/messaging/kafka.md.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec
from flask import Flask
from opentelemetry import trace
from opentelemetry.context import Context

from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.contrib.opentelemetry.open_spans import OpenSpans
from flask_kafka_events.contrib.opentelemetry.parents import W3C, parent_of
from flask_kafka_events.delivery.per_process import PerProcess
from flask_kafka_events.errors import class_name, explanation
from flask_kafka_events.event import Event, Record
from flask_kafka_events.log_line import Line
from flask_kafka_events.mistakes import loss_of, refusal_of
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.trace_context import valid_tracestate

#: Where these names come from.
SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"
#: What became of an event that wasn't delivered, as `Stats` calls it: `failed`, `dropped`, `dead`, `pending`.
OUTCOME: Final = "flask_kafka_events.outcome"


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

    def closed(self, deadline: float) -> None:
        """End what is open, as far as there is time: another process sends those events, and nobody tells this one."""
        spans = self._open.current().take_all()
        for number, span in enumerate(spans):
            if time.monotonic() >= deadline:
                self._tell_unended(len(spans) - number)
                return
            self._end(span, None)

    def write(self, write: Callable[[Event], Record], event: Event) -> Record:
        """`write`, and a span begins with what it writes."""
        try:
            parent = parent_of(event, self._app)
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

    def _tell_unended(self, count: int) -> None:
        text = "%d event(s)' spans weren't ended: the exporter takes longer than the close has time. Use a BatchSpanProcessor."
        self._reminders.warn("spans", text, count, line=Line("spans_unended", count=count))

    def _tell(self, error: Exception) -> None:
        text = "The tracer failed; the event goes on without its span. %s."
        line = Line("tracer_failed", error=class_name(error))
        self._reminders.warn("tracer", text, explanation(error), line=line)


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
    return {OUTCOME: end.outcome, "error.type": end.reason}


def _carrier(span: trace.Span, parent: Context) -> dict[str, str]:
    """What goes with the event; where there is no SDK, and so no span of ours, what its parent says."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier, trace.set_span_in_context(span) if span.get_span_context().is_valid else parent)
    if not valid_tracestate(carrier.get("tracestate", "")):
        carrier.pop("tracestate", None)
    return carrier


def _carrying(event: Event, carrier: dict[str, str]) -> Event:
    """The event with this trace context in place of the request's own, where there is one."""
    if not carrier:
        return event
    rest = {name: value for name, value in event.attributes.items() if name not in W3C.fields}
    return msgspec.structs.replace(event, attributes={**rest, **carrier})
