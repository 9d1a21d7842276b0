"""Metrics and spans of one app, whichever was asked for first."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from flask_kafka_events.contrib.opentelemetry import trace_events
from flask_kafka_events.contrib.prometheus import export_metrics
from tests.sending import shop


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
