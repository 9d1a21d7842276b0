"""Metrics and spans of one app, whichever was asked for first, and captures of what has them."""

from collections.abc import Callable

import pytest
from flask import Flask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from flask_kafka_events import ConfigurationError
from flask_kafka_events.contrib.opentelemetry import trace_events
from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.testing import capture_events
from tests.processes import wait_until
from tests.scrapes import scraped, total
from tests.sending import shop
from tests.tracing import Spans, attributes, traced, traceparent_of

from .test_health import Silent


@pytest.mark.parametrize("metrics_first", [True, False])
def test_metrics_and_spans_see_the_same_events(metrics_first: bool) -> None:
    """Neither takes the other's place."""
    registry, spans, provider = CollectorRegistry(), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with shop() as held:
        if metrics_first:
            export_metrics(held.app, registry=registry)
        trace_events(held.app, tracer_provider=provider)
        if not metrics_first:
            export_metrics(held.app, registry=registry)
        held.mine.emit("sold")
        assert held.mine.flush()
        labels = {"app": held.app.name, "type": "sold", "outcome": "delivered", "reason": ""}
        assert registry.get_sample_value("flask_kafka_events_outcomes_total", labels) == 1
    (span,) = spans.get_finished_spans()
    assert span.name.startswith("send ")


def test_captured_events_have_spans_and_metrics() -> None:
    """A test sees them as in production, in the block and after it, beside those of what was really sent."""
    registry, spans = CollectorRegistry(), Spans()
    with shop() as held:
        export_metrics(held.app, registry=registry)
        trace_events(held.app, tracer_provider=spans.provider)
        held.mine.emit("sent", wait=5)
        with capture_events(held.app) as captured:
            held.mine.emit("sold")
            assert traceparent_of(spans.event("sold")) == captured[0].attributes["traceparent"]
            assert total(scraped(registry), "outcomes_total", type="sold", outcome="delivered") == 1
            held.mine.emit("sold")
            with capture_events(held.app):
                held.mine.emit("sold")
        held.mine.emit("sent", wait=5)
        found = scraped(registry)
    assert [total(found, "outcomes_total", type=type_) for type_ in ("sent", "sold")] == [2, 3]
    assert total(found, "emitted_total") == 5
    assert [len(spans.events(type_)) for type_ in ("sent", "sold")] == [2, 3]
    assert [total(found, gauge) for gauge in ("queue_events", "pending")] == [0, 0]


def test_a_capture_ends_no_span_of_what_is_on_its_way() -> None:
    """An event that waits for the broker meanwhile ends with its answer."""
    spans = Spans()
    with traced(spans, make=Silent) as held:
        held.mine.emit("sent")
        with capture_events(held.app):
            held.mine.emit("sold")
        assert [len(spans.events(type_)) for type_ in ("sent", "sold")] == [0, 1]
        wait_until(lambda: bool(held.producers), "it is built")
        held.producers[0].answers = True
        assert held.mine.flush(5)
    assert attributes(spans.event("sent"))["messaging.kafka.offset"] == 0


@pytest.mark.parametrize("ask", [trace_events, export_metrics])
def test_who_asks_within_a_capture_is_told(ask: Callable[[Flask], None]) -> None:
    """It would end with the block, so it is refused; what was asked for before needs no second word."""
    with shop() as held:
        with (
            capture_events(held.app),
            pytest.raises(
                ConfigurationError, match=rf"{ask.__name__}\(\) .* captured.* right after init_app"
            ),
        ):
            ask(held.app)
        spans = Spans()
        trace_events(held.app, tracer_provider=spans.provider)
        with capture_events(held.app):
            trace_events(held.app, tracer_provider=spans.provider)
            held.mine.emit("sold")
    assert len(spans.all()) == 1
