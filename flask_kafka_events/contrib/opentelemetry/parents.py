"""Whose child an event's span is."""

from functools import partial
from typing import Final

from flask import Flask, Response, got_request_exception
from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flask_kafka_events.apps import request_of
from flask_kafka_events.event import Event

#: Reads and writes `traceparent` and `tracestate`.
W3C: Final = TraceContextTextMapPropagator()

_REMEMBERED: Final = "_flask_kafka_events_context"


def parent_of(event: Event, app: Flask) -> Context:
    """The context that is current, or was where its request had its answer; else the one that came with the request."""
    current = get_current()
    if trace.get_current_span(current).get_span_context().is_valid:
        return current
    request = request_of(app)
    remembered: Context | None = None if request is None else vars(request).get(_REMEMBERED)
    if remembered is not None:
        return remembered
    carrier = {name: str(event.attributes[name]) for name in W3C.fields if name in event.attributes}
    return W3C.extract(carrier, current)


def remember_requests(app: Flask) -> None:
    """Have each request of an app remember what is current when it has its answer.

    At the answer and at an exception, for later there may be no span: OpenTelemetry's Flask instrumentation ends the
    request's in a teardown function, and those run before the event is decided where another receiver listens to
    request_finished, and where the exception leaves the app.
    """
    app.after_request(partial(_remember_answered, app))
    got_request_exception.connect(_remember_failed, sender=app)


def _remember_answered(app: Flask, response: Response) -> Response:
    _remember(app)
    return response


def _remember_failed(app: Flask, **_: object) -> None:
    _remember(app)


def _remember(app: Flask) -> None:
    request, current = request_of(app), get_current()
    if request is not None and trace.get_current_span(current).get_span_context().is_valid:
        vars(request)[_REMEMBERED] = current
