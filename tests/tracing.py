"""Spans in memory, and a request's span as OpenTelemetry's Flask instrumentation makes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, g, request
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, format_span_id, format_trace_id

from flask_kafka_events.contrib.opentelemetry import trace_events
from tests.sending import Shop, shop

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Spans:
    """A tracer provider whose ended spans are kept."""

    def __init__(self, **how: Any) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **how)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    def all(self) -> list[ReadableSpan]:
        """Every span that has ended."""
        return list(self._exporter.get_finished_spans())

    def events(self, type: str | None = None) -> list[ReadableSpan]:
        """Those of events, or of one type of them."""
        sent = [span for span in self.all() if span.kind is SpanKind.PRODUCER]
        return [span for span in sent if type in (None, attributes(span)["cloudevents.event_type"])]

    def event(self, type: str | None = None) -> ReadableSpan:
        """The only one."""
        (span,) = self.events(type)
        return span

    def named(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        (span,) = [span for span in self.all() if span.name == name]
        return span


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes."""
    return dict(span.attributes or {})


def context_of(span: ReadableSpan) -> SpanContext:
    """A span's own context."""
    own = span.get_span_context()
    assert own is not None
    return own


def parent_of(span: ReadableSpan) -> str | None:
    """The id of a span's parent; None where it has none."""
    return None if span.parent is None else format_span_id(span.parent.span_id)


def id_of(span: ReadableSpan) -> str:
    """A span's own id."""
    return format_span_id(context_of(span).span_id)


def traceparent_of(span: ReadableSpan) -> str:
    """A span's context as W3C writes it."""
    own = context_of(span)
    return f"00-{format_trace_id(own.trace_id)}-{format_span_id(own.span_id)}-{own.trace_flags:02x}"


@contextmanager
def traced(spans: Spans, *, app: Flask | None = None, **how: Any) -> Iterator[Shop]:
    """A shop whose events are traced."""
    with shop(app=app, **{"testing": False, **how}) as held:
        trace_events(held.app, tracer_provider=spans.provider)
        yield held


def instrument(app: Flask, spans: Spans) -> None:
    """Give each request a span from before_request to teardown_request, where OpenTelemetry's own begins and ends it."""

    @app.before_request
    def begin() -> None:
        g.activation = trace.use_span(
            spans.tracer.start_span(
                "request",
                context=propagate.extract({name.lower(): value for name, value in request.headers}),
                kind=SpanKind.SERVER,
            ),
            end_on_exit=True,
        )
        g.activation.__enter__()

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        g.activation.__exit__(None, None, None)
        assert not trace.get_current_span(context.get_current()).get_span_context().is_valid
