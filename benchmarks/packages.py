"""Apps that send events by another package, or as a first attempt would; each has one view that answers `sold`."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, request
from flask_and_kafka import FlaskKafkaProducer
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from benchmarks.blocks import Variant
from benchmarks.peers import TOPIC, VALUE, bare_event, polled, reported, settle
from benchmarks.shops import asking, sending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Producer

_LOGGER: Final = "producer_logger"


@contextmanager
def naive(servers: str) -> Iterator[Variant]:
    """What one writes first: `json` of the request and the answer, in an `after_request` of every route."""
    with polled(servers) as producer:
        app = sending(lambda: None)

        @app.after_request
        def tell(response: Response) -> Response:
            event = {"path": request.path, "method": request.method, "status": response.status_code}
            value = json.dumps({**event, "time": time.time(), "type": "bought", "player": "ana"})
            producer.produce(TOPIC, value, on_delivery=reported)
            return response

        yield _variant(app, producer)


@contextmanager
def flask_and_kafka(servers: str) -> Iterator[Variant]:
    """flask-and-kafka's `send_message` with its own defaults: it waits up to a second in the view, and writes a log file."""
    app = Flask("bench")
    with tempfile.TemporaryDirectory() as folder:
        app.config["KAFKA_PRODUCER_CONFIGS"] = {
            "bootstrap.servers": servers, "enable.idempotence": True, "log_level": 0,
        }  # fmt: skip
        app.config["KAFKA_PRODUCER_LOG_PATH"] = str(Path(folder) / "producer.log")
        kafka = FlaskKafkaProducer(app)

        @app.get("/")
        def buy() -> str:
            # Without a callback: that isn't JSON, and its log's formatter fails at each.
            kafka.send_message(TOPIC, VALUE)
            return "sold"

        try:
            yield _variant(app, kafka.producer)
        finally:
            kafka.close()
            log = logging.getLogger(_LOGGER)
            for handler in log.handlers[:]:
                log.removeHandler(handler)
                handler.close()


class _Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans  # to be sent, were there a collector
        return SpanExportResult.SUCCESS


@contextmanager
def opentelemetry(servers: str) -> Iterator[Variant]:
    """A bare `produce` of 15 bytes under OpenTelemetry's instrumentation of Flask and of confluent-kafka, all spans sampled."""
    spans = TracerProvider()
    spans.add_span_processor(BatchSpanProcessor(_Nowhere()))
    with polled(servers) as producer:
        traced = ConfluentKafkaInstrumentor.instrument_producer(producer, tracer_provider=spans)
        app = sending(bare_event(traced))
        FlaskInstrumentor().instrument_app(app, tracer_provider=spans)  # type: ignore[no-untyped-call]
        try:
            yield _variant(app, producer)
        finally:
            FlaskInstrumentor.uninstrument_app(app)  # type: ignore[no-untyped-call]
            spans.shutdown()


@contextmanager
def all_packages(servers: str) -> Iterator[dict[str, Variant]]:
    """Each by its name in the tables."""
    with ExitStack() as stack:
        yield {
            "naive JSON": stack.enter_context(naive(servers)),
            "OpenTelemetry": stack.enter_context(opentelemetry(servers)),
            "flask-and-kafka": stack.enter_context(flask_and_kafka(servers)),
        }


def _variant(app: Flask, producer: Producer) -> Variant:
    return Variant(asking(app), lambda: settle(producer))
