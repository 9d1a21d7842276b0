"""One trace from the request to the consumer, beside OpenTelemetry's own instrumentation of Flask and of Kafka."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from flask import Response
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor

from flask_kafka_events import Event, emit_event
from flask_kafka_events.contrib.opentelemetry import trace_events
from flask_kafka_events.embedded import Lease
from flask_kafka_events.formats.reading import read
from tests.tracing import Spans, attributes, context_of, id_of, parent_of, traceparent_of

from .test_delivery import make_app, of


@pytest.fixture
def spans() -> Spans:
    """Where all of them end."""
    return Spans()


@pytest.fixture
def kafka_instrumented(spans: Spans) -> Iterator[None]:
    """OpenTelemetry's Kafka instrumentation, active."""
    instrumentor = ConfluentKafkaInstrumentor()
    # Its check of versions knows older ones of confluent-kafka than ours.
    instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
    try:
        yield
    finally:
        instrumentor.uninstrument()


@contextmanager
def consuming(address: str) -> Iterator[Consumer]:
    """A consumer of the topic's first partition; of the instrumentation's class where that is active."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "tests", "log_level": 0})
    try:
        consumer.assign([TopicPartition("shop_events", 0, OFFSET_BEGINNING)])
        yield consumer
    finally:
        consumer.close()


def first_message(address: str) -> Message:
    """The first record, as any consumer gets it."""
    with consuming(address) as consumer:
        (message,) = consumer.consume(1, timeout=20)
    return message


def event_in(message: Message) -> Event:
    """The event in a record."""
    headers: Any = message.headers()
    event = read(value=message.value(), headers=headers, key=None, topic="shop_events")
    assert event is not None
    return event


def traceparents_of(message: Message) -> list[str]:
    """Each traceparent among a record's headers."""
    headers: Any = message.headers()
    return [value.decode() for name, value in headers if name == "traceparent"]


@pytest.mark.parametrize("format", ["cloudevents", "cloudevents-binary", "plain"])
@pytest.mark.parametrize("at", ["response", "close"])
@pytest.mark.parametrize("is_traced_first", [False, True])
def test_one_trace_from_request_to_record(
    broker: Lease, spans: Spans, format: str, at: str, is_traced_first: bool
) -> None:
    """The event's span is a child of the Flask instrumentation's, and the record carries its context twice."""
    app = make_app(broker.address, FORMAT=format)
    if is_traced_first:
        trace_events(app, tracer_provider=spans.provider)
    instrumentor: Any = FlaskInstrumentor()
    instrumentor.instrument_app(app, tracer_provider=spans.provider)
    trace_events(app, tracer_provider=spans.provider)

    @app.get("/buy")
    @emit_event("bought", at=at)  # type: ignore[arg-type]
    def buy() -> Response:
        return Response(iter(["ok"]))

    with app.test_client().get("/buy") as response:
        assert response.data == b"ok"
    assert of(app).flush(10)
    message = first_message(broker.address)
    of(app).close()
    instrumentor.uninstrument_app(app)
    request, sent = spans.named("GET /buy"), spans.event()
    assert parent_of(sent) == id_of(request)
    assert context_of(sent).trace_id == context_of(request).trace_id
    assert traceparents_of(message) == [traceparent_of(sent)]
    assert event_in(message).attributes["traceparent"] == traceparent_of(sent)
    assert attributes(sent)["messaging.kafka.offset"] == message.offset()
    assert attributes(sent)["messaging.destination.partition.id"] == str(message.partition())
    assert sent.end_time is not None
    assert request.start_time is not None
    assert sent.end_time > request.start_time


def test_kafka_instrumentation_adds_nothing(broker: Lease, spans: Spans, kafka_instrumented: None) -> None:
    """An event has one span and one traceparent where that one's class is the app's producer; a consumer links to it."""
    app = make_app(broker.address, factory=confluent_kafka.Producer)
    trace_events(app, tracer_provider=spans.provider)
    of(app).emit("bought", wait=10)
    with consuming(broker.address) as consumer:
        message = consumer.poll(20)
    of(app).close()
    assert message is not None
    assert traceparents_of(message) == [traceparent_of(spans.event())]
    (link,) = spans.named("shop_events process").links
    assert link.context.span_id == context_of(spans.event()).span_id
    assert link.context.trace_id == context_of(spans.event()).trace_id


def test_untraced_app_keeps_its_instrumented_producer(
    broker: Lease, spans: Spans, kafka_instrumented: None
) -> None:
    """What the Kafka instrumentation does for an app is taken from it only where its events are traced."""
    app = make_app(broker.address, factory=confluent_kafka.Producer)
    of(app).emit("bought", wait=10)
    of(app).close()
    assert spans.named("shop_events send").parent is None
    assert len(traceparents_of(first_message(broker.address))) == 1


INSTRUMENTED_FIRST = """
import json, sys
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
provider, exporter = TracerProvider(), InMemorySpanExporter()
provider.add_span_processor(SimpleSpanProcessor(exporter))
ConfluentKafkaInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
assert "flask_kafka_events" not in sys.modules
import flask
from flask_kafka_events import KafkaEvents
from flask_kafka_events.contrib.opentelemetry import trace_events
app = flask.Flask("shop")
app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=sys.argv[1], KAFKA_EVENTS_TOPIC="shop_events")
events = KafkaEvents(app)
trace_events(app, tracer_provider=provider)
events.for_app(app).emit("bought", wait=10)
class TimeIsUp(Exception): pass
def raise_there(frame, seen, function):
    if (seen, getattr(function, "__name__", "")) == ("c_call", "produce"):
        sys.setprofile(None)
        raise TimeIsUp
sys.setprofile(raise_there)
try:
    events.for_app(app).emit("interrupted")
    raise SystemExit("The handler's exception is lost.")
except TimeIsUp:
    pass
events.for_app(app).flush(10)
events.for_app(app).close()
print(json.dumps([f"{span.context.span_id:016x}" for span in exporter.get_finished_spans()]))
"""


def test_kafka_instrumentation_before_all_imports_adds_nothing(broker: Lease) -> None:
    """Nor does it where it was active before all imports, as under `opentelemetry-instrument`.

    What a signal handler raises into librdkafka's `produce` then reaches the emitter as ever.
    """
    done = subprocess.run(
        [sys.executable, "-c", INSTRUMENTED_FIRST, broker.address],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (traceparent,) = traceparents_of(first_message(broker.address))
    spans = json.loads(done.stdout)
    assert (len(spans), spans[0]) == (2, traceparent.split("-")[2])
