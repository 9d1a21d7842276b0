"""What a span for each event costs: `python -m benchmarks.traced`.

Blocks of requests to one view take turns in one process (WSGI, no socket, the embedded broker): without an event, with
one, and with one that is traced by OpenTelemetry's SDK, whose batch processor hands the spans to an exporter that drops
them. Each figure is a block's mean: of the CPU in the request's thread, and of the whole process until the broker has all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from flask import Flask
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from benchmarks.blocks import Variant, take_turns
from benchmarks.brokers import embedded
from benchmarks.shops import asking, bare, decorated, flushing
from benchmarks.tables import table_of
from flask_kafka_events.contrib.opentelemetry import trace_events

REQUESTS: Final = 500
BLOCKS: Final = 31
#: What takes turns.
VARIANTS: Final = ("no event", "event", "event, not sampled", "event and span")


class _Dropping(SpanExporter):
    """Takes every span and does nothing with it."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - the SDK's
        return SpanExportResult.SUCCESS


@contextmanager
def traced(servers: str, sampler: Sampler) -> Iterator[Flask]:
    """A view with a rich event that has a span."""
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(BatchSpanProcessor(_Dropping()))
    try:
        with decorated(servers) as app:
            trace_events(app, tracer_provider=provider)
            yield app
    finally:
        provider.shutdown()


def main() -> None:
    """Print the tables."""
    with (
        embedded() as servers,
        decorated(servers) as plain,
        traced(servers, ALWAYS_ON) as sampled,
        traced(servers, ALWAYS_OFF) as unsampled,
    ):
        runs = [Variant(asking(bare()))]
        runs += [Variant(asking(app), flushing(app)) for app in (plain, unsampled, sampled)]
        variants = dict(zip(VARIANTS, runs, strict=True))
        sheets = take_turns(variants, operations=REQUESTS, rounds=BLOCKS)
    for clock, whose in (("cpu", "a request, its own thread"), ("process", "a request, all threads")):
        print(table_of(whose, sheets[clock]))


if __name__ == "__main__":
    main()
