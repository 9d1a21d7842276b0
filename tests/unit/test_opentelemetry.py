"""A span for each event: what it says, and how it ends."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from confluent_kafka import KafkaError, Producer
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode, TracerProvider

from flask_kafka_events import (
    ConfigurationError,
    Event,
    KafkaEvents,
    NotInitialised,
    Record,
    current_event,
    emit_event,
    event_created,
)
from flask_kafka_events.contrib.opentelemetry import trace_events
from flask_kafka_events.contrib.opentelemetry.open_spans import MAX_OPEN
from flask_kafka_events.contrib.opentelemetry.spans import OUTCOME, server_of
from tests.log_lines import fields
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop
from tests.tracing import TRACEPARENT, Spans, attributes, traced, traceparent_of

from .forked import forked


class SilentProducer(KeepingProducer):
    """Whose broker doesn't answer until it is told to."""

    def __init__(self, config: dict[str, Any], **more: Any) -> None:
        super().__init__(config, **more)
        self.answers = False


def start(held: Shop) -> KeepingProducer:
    """Have the shop's producer built."""
    held.mine.start()
    wait_until(lambda: bool(held.producers), "it is built")
    return held.producers[0]


def test_span_says_what_the_conventions_ask_for() -> None:
    """Name, kind, attributes of the message, and where the broker put it; the status of what went well is unset."""
    spans = Spans()
    with traced(spans) as held:
        held.mine.emit("sold", {"price": 12}, key="ana")
        (event,) = held.sent()
    span = spans.event()
    assert (span.name, span.kind) == ("send shop_events", SpanKind.PRODUCER)
    assert attributes(span) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "shop_events",
        "messaging.message.id": event.id,
        "messaging.kafka.message.key": "ana",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "cloudevents.event_type": "sold",
        "server.address": "broker",
        "server.port": 9092,
    }
    assert span.status.status_code is StatusCode.UNSET
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.schema_url) == (
        "flask_kafka_events",
        "https://opentelemetry.io/schemas/1.44.0",
    )


def test_span_lasts_from_the_event_to_its_acknowledgement() -> None:
    """It begins when the event is made, and is open while the broker hasn't answered."""
    spans = Spans()
    with traced(spans, make=SilentProducer) as held:
        producer = start(held)
        before = time.time_ns()
        held.mine.emit("sold")
        emitted = time.time_ns()
        wait_until(lambda: bool(producer.sent), "the producer has it")
        assert spans.all() == []
        answered = time.time_ns()
        producer.answers = True
        held.mine.flush(5)
    began, ended = spans.event().start_time, spans.event().end_time
    assert began is not None
    assert ended is not None
    assert before <= began <= emitted < answered <= ended


@pytest.mark.parametrize("format", ["cloudevents", "cloudevents-binary", "plain"])
def test_its_context_is_in_attributes_and_headers(format: str) -> None:
    """In each format CloudEvents' traceparent and Kafka's are the span's own."""
    spans = Spans()
    with traced(spans, FORMAT=format) as held:
        headers = {"Traceparent": TRACEPARENT, "Tracestate": "vendor=7"}
        held.app.get("/")(emit_event("sold")(lambda: "ok"))
        held.app.test_client().get("/", headers=headers)
        (event,) = held.sent()
        (kept,) = held.producers[0].headers
    own = traceparent_of(spans.event())
    assert event.attributes["traceparent"] == own
    assert kept["traceparent"] == own.encode()
    assert (event.attributes["tracestate"], kept["tracestate"]) == ("vendor=7", b"vendor=7")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"traceparent": TRACEPARENT}, {"traceparent": TRACEPARENT.encode()}),
        ({"TraceState": "x=1"}, {"TraceState": b"x=1"}),
        ({"team": "red"}, {"team": b"red", "tracestate": b"vendor=7"}),
    ],
)
def test_headers_of_the_app_go_before_its(given: dict[str, str], kept: dict[str, bytes]) -> None:
    """A name is in the record once, and a tracestate never beside a traceparent that it doesn't belong to."""
    spans = Spans()
    with traced(spans) as held:

        @held.app.get("/")
        def view() -> str:
            held.mine.emit("sold", headers=given)
            return "ok"

        view_headers = {"Traceparent": TRACEPARENT, "Tracestate": "vendor=7"}
        held.app.test_client().get("/", headers=view_headers)
        held.mine.flush(5)
        (found,) = held.producers[0].headers
    own = {"traceparent": traceparent_of(spans.event()).encode()}
    assert {name: value for name, value in found.items() if name != "content-type"} == {**own, **kept}


def refuse(held: Shop) -> None:
    """The broker doesn't take it."""
    start(held).error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    held.mine.emit("sold")
    held.mine.flush(5)


def overfill(held: Shop) -> None:
    """The queue has no place for it."""
    producer = start(held)
    producer.answers = False
    held.mine.emit("first")
    held.mine.emit("sold")
    producer.answers = True


def be_late(held: Shop) -> None:
    """It is emitted after the close."""
    held.mine.close()
    held.mine.emit("sold")


def be_large(held: Shop) -> None:
    """It is too large with all that is added to it."""
    held.mine.emit("sold", "x" * 1000)


def be_spoilt(held: Shop) -> None:
    """A receiver has made of it what can't be written."""

    def spoil(_: Flask, event: Event) -> Event:
        return msgspec.structs.replace(event, data=5)

    with event_created.connected_to(spoil, sender=held.app):
        held.mine.emit("sold")


@pytest.mark.parametrize(
    ("lose", "outcome", "reason", "told"),
    [
        (refuse, "failed", "TOPIC_AUTHORIZATION_FAILED", "Give the app's user the right"),
        (overfill, "dropped", "queue_full", "Is the broker down?"),
        (be_late, "dropped", "closed", "Emit before close"),
        (be_large, "failed", "too_large", "KAFKA_EVENTS_MAX_EVENT_BYTES"),
        (be_spoilt, "failed", "error", "TypeError was raised"),
    ],
)
def test_lost_events_span_is_an_error(lose: Any, outcome: str, reason: str, told: str) -> None:
    """It ends with the reason as its error's type, and the log's sentence as its status."""
    spans = Spans()
    with traced(spans, QUEUE_EVENTS=2, MAX_EVENT_BYTES=1024) as held:
        lose(held)
        span = spans.event("sold")
    assert (attributes(span)[OUTCOME], attributes(span)["error.type"]) == (outcome, reason)
    assert "messaging.kafka.offset" not in attributes(span)
    assert span.status.status_code is StatusCode.ERROR
    assert told in (span.status.description or "")


def test_dead_letters_span_is_an_error(tmp_path: Path) -> None:
    """What the journal keeps because the broker refused it is `dead`."""
    spans = Spans()
    with traced(spans, JOURNAL=str(tmp_path)) as held:
        start(held).error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        held.mine.emit("sold")
        wait_until(lambda: held.mine.stats().dead == 1, "it is a dead letter")
        held.mine.flush(5)
        assert attributes(spans.event())[OUTCOME] == "dead"
    assert spans.event().status.status_code is StatusCode.ERROR


def test_what_is_left_to_another_process_is_pending(tmp_path: Path) -> None:
    """At the close of a journal's owner the spans of what waits there end, as neither well nor badly."""
    spans = Spans()
    with traced(spans, make=SilentProducer, JOURNAL=str(tmp_path), CLOSE_SECONDS=0.1, patience=0.1) as held:
        held.mine.emit("sold")
        assert spans.all() == []
    assert attributes(spans.event())[OUTCOME] == "pending"
    assert spans.event().status.status_code is StatusCode.UNSET
    with traced(spans, JOURNAL=str(tmp_path)) as heir:
        start(heir)
        wait_until(lambda: heir.mine.stats().delivered == 1, "it is sent")
        assert heir.types() == ["sold"]
        assert heir.producers[0].headers[0]["traceparent"] == traceparent_of(spans.event()).encode()
    assert len(spans.all()) == 1


class Slow(SpanProcessor):
    """A processor whose collector takes its time for each span."""

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 - the SDK's
        """Take it."""
        threading.Event().wait(0.2)


def test_a_slow_exporter_does_not_hold_up_the_close(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What has no span's end by the close's own is left without one, and told in a line: a server kills who takes longer."""
    spans = Spans()
    spans.provider.add_span_processor(Slow())
    with traced(spans, make=SilentProducer, JOURNAL=str(tmp_path), CLOSE_SECONDS=0.1, patience=0.1) as held:
        for _ in range(20):
            held.mine.emit("sold")
        began = time.monotonic()
        held.mine.close()
        assert time.monotonic() - began < 2
    (left,) = [each for each in fields(caplog) if each["line"] == "spans_unended"]
    assert 0 < left["count"] == 20 - len(spans.events())


def test_an_outage_does_not_keep_spans_without_limit() -> None:
    """Past the limit a span ends as pending before its event is sent, which is sent all the same."""
    spans = Spans()
    with traced(spans, make=SilentProducer) as held:
        producer = start(held)
        for number in range(MAX_OPEN + 2):
            held.mine.emit("tick", number)
        outcomes = [attributes(span)[OUTCOME] for span in spans.events()]
        producer.answers = True
        assert held.mine.flush(30)
        held.mine.emit("again", wait=5)
    assert outcomes == ["pending", "pending"]
    offsets = [attributes(span).get("messaging.kafka.offset") for span in spans.events()]
    assert offsets == [None, None, *range(MAX_OPEN), MAX_OPEN + 2]


def test_what_is_no_event_has_no_span() -> None:
    """Vetoed by another receiver, whichever was connected first, sampled out, switched off, discarded or unfit."""
    spans = Spans()

    def veto(_: Flask, event: Event) -> Literal[False] | None:
        return False if event.type == "vetoed" else None

    types = {"rare": {"sample": 0.0}, "off": {"enabled": False}}
    with shop(testing=False, TYPES=types) as held, event_created.connected_to(veto, sender=held.app):
        trace_events(held.app, tracer_provider=spans.provider)

        @held.app.get("/")
        @emit_event("discarded")
        def view() -> str:
            current_event.discard()
            return "ok"

        held.app.test_client().get("/")
        for type_ in ("vetoed", "rare", "off", "sold"):
            held.mine.emit(type_)
        held.mine.emit("unfit", float("nan"))
        assert held.types() == ["sold"]
        assert held.mine.stats().failed_by_reason == {"encoding": 1}
    assert [attributes(span)["cloudevents.event_type"] for span in spans.all()] == ["sold"]


def test_each_app_has_its_own() -> None:
    """Of two apps each is traced by its own provider, and a third one's events carry no trace."""
    one, two = Spans(), Spans()
    with traced(one) as first, traced(two) as second, shop("plain") as third:
        for held in (first, second, third):
            held.mine.emit("sold")
            held.mine.flush(5)
        (kept,) = third.producers[0].headers
        assert third.sent()[0].attributes == {}
    assert (len(one.all()), len(two.all())) == (1, 1)
    assert list(kept) == ["content-type"]


def test_second_call_changes_nothing() -> None:
    """An event has one span however often its app was told to be traced."""
    spans = Spans()
    with traced(spans) as held:
        trace_events(held.app, tracer_provider=spans.provider)
        held.mine.emit("sold", wait=5)
        trace_events(held.app, tracer_provider=spans.provider)
    assert len(spans.all()) == 1


@pytest.mark.parametrize("provider", [None, NoOpTracerProvider()])
def test_second_call_with_another_tracer_is_refused(provider: TracerProvider | None) -> None:
    """It would be ignored, and who looks at the other tracer would find nothing."""
    spans = Spans()
    with traced(spans) as held:
        with pytest.raises(
            ConfigurationError, match=r"'shop' is traced already, by another tracer_provider\."
        ):
            trace_events(held.app, tracer_provider=provider)
        held.mine.emit("sold", wait=5)
    assert len(spans.all()) == 1


def test_an_app_without_events_is_told_what_to_do() -> None:
    """Without KafkaEvents there is nothing to trace."""
    with pytest.raises(NotInitialised, match="init_app"):
        trace_events(Flask("none"))


@pytest.mark.parametrize("data", [None, float("nan")])
def test_an_app_whose_events_have_begun_is_refused(data: object) -> None:
    """Where one was emitted, or failed to be, half of them would have no span; the second call isn't taken for done."""
    with shop(testing=False) as held:
        held.mine.emit("sold", data)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=r"too late for app 'shop'.*right after init_app"):
                trace_events(held.app)


def test_an_app_that_has_a_producer_is_refused() -> None:
    """The producer may be of a class that makes spans of its own."""
    with shop() as held:
        start(held)
        with pytest.raises(ConfigurationError, match="too late"):
            trace_events(held.app)


def test_who_only_looked_has_not_begun() -> None:
    """An app whose counters were read, and nothing else, can be traced."""
    spans = Spans()
    with shop(testing=False) as held:
        assert held.mine.stats().emitted == 0
        assert held.mine.flush(0)
        trace_events(held.app, tracer_provider=spans.provider)
        held.mine.emit("sold", wait=5)
        assert held.mine.stats().delivered == 1
    assert len(spans.all()) == 1


def test_what_was_counted_before_stays_counted() -> None:
    """Of a process that has left events out before it is traced; its producer is the one that makes no spans itself."""
    instrumented = type(
        "Instrumented", (KeepingProducer,), {"__module__": "opentelemetry.instrumentation.test"}
    )
    spans, app = Spans(), Flask("shop")
    app.config.update(
        KAFKA_EVENTS_BOOTSTRAP_SERVERS="broker:9092",
        KAFKA_EVENTS_TOPIC="t",
        KAFKA_EVENTS_TYPES={"off": {"enabled": False}},
    )
    mine = KafkaEvents(app, producer=instrumented).for_app(app)
    mine.emit("off")
    assert mine.stats().disabled == 1
    trace_events(app, tracer_provider=spans.provider)
    mine.emit("sold", wait=5)
    assert (mine.stats().disabled, mine.stats().delivered) == (1, 1)
    assert type(app.extensions["kafka_events"].process.poller.gate.producer) is KeepingProducer
    mine.close()


def test_events_that_share_an_id_have_a_span_each() -> None:
    """A purchase that is repeated with its idempotency key is the same event, sent and traced twice."""
    spans = Spans()
    with traced(spans, IDEMPOTENCY=lambda: "ana", make=SilentProducer) as held:
        producer = start(held)
        held.app.get("/")(emit_event("sold")(lambda: "ok"))
        for _ in range(2):
            held.app.test_client().get("/", headers={"Idempotency-Key": "k"})
        producer.answers = True
        first, second = held.sent()
    assert first.id == second.id
    told = [(traceparent_of(span), attributes(span)["messaging.kafka.offset"]) for span in spans.events()]
    assert told == [(first.attributes["traceparent"], 0), (second.attributes["traceparent"], 1)]


def test_unsampled_trace_is_carried_on_unsampled() -> None:
    """Where the tracer keeps nothing, consumers learn from the flags that they need not either."""
    spans = Spans(sampler=ALWAYS_OFF)
    with traced(spans) as held:
        held.mine.emit("sold")
        (event,) = held.sent()
        (kept,) = held.producers[0].headers
    assert not int(str(event.attributes["traceparent"])[-2:], 16) & 1
    assert kept["traceparent"] == str(event.attributes["traceparent"]).encode()
    assert spans.all() == []


def test_without_a_tracer_only_the_requests_trace_goes_on() -> None:
    """With the API alone no trace begins, and that of a request is what a consumer finds in the headers too."""
    with shop(testing=False) as held:
        trace_events(held.app, tracer_provider=NoOpTracerProvider())
        held.app.get("/")(emit_event("sold")(lambda: "ok"))
        held.mine.emit("tick")
        held.app.test_client().get("/", headers={"Traceparent": TRACEPARENT})
        tick, sold = held.sent()
        bare, traced_ = held.producers[0].headers
    assert (tick.attributes, list(bare)) == ({}, ["content-type"])
    assert sold.attributes["traceparent"] == TRACEPARENT
    assert traced_["traceparent"] == TRACEPARENT.encode()


class Raising(SpanProcessor):
    """A processor that is broken, at a span's start or its end."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def on_start(self, span: Span, parent_context: Any = None) -> None:  # noqa: ARG002 - the SDK's
        """Raise, or don't."""
        if self.moment == "start":
            raise ValueError("secret")

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 - the SDK's
        """Raise, or don't."""
        if self.moment == "end":
            raise ValueError("secret")


@pytest.mark.parametrize("moment", ["start", "end"])
def test_broken_tracer_harms_no_event(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is sent and counted; the log says once what was raised, without its text."""
    spans = Spans()
    spans.provider.add_span_processor(Raising(moment))
    with traced(spans) as held:
        held.mine.emit("sold")
        held.mine.emit("sold")
        assert held.types() == ["sold", "sold"]
        assert held.mine.stats().delivered == 2
    assert caplog.text.count("goes on without its span. ValueError was raised") == 1
    assert "secret" not in caplog.text


def test_forked_child_leaves_its_parents_spans_alone() -> None:
    """What a child closes is its own; the parent's event ends in the parent, once."""
    spans = Spans()
    with traced(spans, make=SilentProducer) as held:
        producer = start(held)
        held.mine.emit("parents")

        def work() -> list[Any]:
            held.mine.emit("childs")
            held.mine.close(0)
            return [attributes(span)["cloudevents.event_type"] for span in spans.all()]

        assert forked(work) == ["childs"]
        producer.answers = True
        held.mine.flush(5)
    assert attributes(spans.event())["messaging.kafka.offset"] == 0


HOSTS = st.from_regex(r"[a-z0-9_.-]{1,40}", fullmatch=True)
IPV6 = st.ip_addresses(v=6).map(str)


@given(host=HOSTS | IPV6, port=st.integers(1, 65_535))
def test_only_broker_is_the_server(host: str, port: int) -> None:
    """Host and port of the one that is named, without the brackets of IPv6."""
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert server_of(named) == {"server.address": host, "server.port": port}
    assert server_of(f"{named},other:9092") == {}


@pytest.mark.parametrize("servers", [None, "embedded"])
def test_unknown_broker_is_no_server(servers: str | None) -> None:
    """Where none is named, or its address isn't known yet, the span has no server."""
    assert server_of(servers) == {}


def script(text: str) -> str:
    """What a program in a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_missing_extra_is_named() -> None:
    """Without opentelemetry-api the import says what to install."""
    said = script(
        "import sys; sys.modules['opentelemetry'] = None\n"
        "try: import flask_kafka_events.contrib.opentelemetry\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    assert said == (
        "MissingExtra flask_kafka_events.contrib.opentelemetry needs opentelemetry-api, which isn't installed. Install the "
        "extra: pip install 'flask-kafka-events[opentelemetry]'"
    )


@pytest.mark.parametrize(
    ("content", "raised"),
    [
        ("import missing_below", "ModuleNotFoundError No module named 'missing_below'"),
        ("from os import missing_name", "ImportError cannot import name 'missing_name' from 'os'"),
        ("1 / 0", "ZeroDivisionError division by zero"),
    ],
)
@pytest.mark.parametrize(
    ("package", "contrib"), [("opentelemetry/trace", "opentelemetry"), ("prometheus_client", "prometheus")]
)
def test_what_fails_inside_an_installed_package_is_told_as_it_is(
    tmp_path: Path, package: str, contrib: str, content: str, raised: str
) -> None:
    """Nobody is sent to install what is there."""
    broken = tmp_path / package
    broken.mkdir(parents=True)
    for folder in (broken, broken.parent):
        folder.joinpath("__init__.py").write_text("")
    broken.joinpath("__init__.py").write_text(content)
    said = script(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"try: import flask_kafka_events.contrib.{contrib}\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert said.startswith(raised)


def test_nothing_of_it_is_there_unless_asked_for() -> None:
    """An app that isn't traced imports neither OpenTelemetry nor what would follow its events."""
    loaded = script(
        "import sys, flask, flask_kafka_events as k\n"
        "app = flask.Flask('shop'); events = k.KafkaEvents()\n"
        "app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS='127.0.0.1:1', KAFKA_EVENTS_TOPIC='t', "
        "KAFKA_EVENTS_PRODUCER={'log_level': 0})\n"
        "events.init_app(app); events.for_app(app).emit('sold'); events.for_app(app).close(0)\n"
        "print([name for name in sys.modules if 'telemetry' in name or 'contrib' in name or 'follow' in name])"
    )
    assert loaded == "[]"


def test_instrumented_producer_is_not_used() -> None:
    """Where a class of OpenTelemetry's stands in for confluent-kafka's producer, that one itself is built; others are left."""
    instrumented = type("Instrumented", (Producer,), {"__module__": "opentelemetry.instrumentation.test"})
    mine = type("Mine", (Producer,), {})
    for given_, built in ((instrumented, Producer), (mine, mine), (SilentProducer, SilentProducer)):
        app = Flask("shop")
        app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="broker:9092", KAFKA_EVENTS_TOPIC="t")
        KafkaEvents(app, producer=given_)
        trace_events(app)
        assert app.extensions["kafka_events"].factory is built


@given(
    own=st.lists(st.tuples(st.sampled_from(["content-type", "traceparent", "tracestate", "A"]), st.binary())),
    added=st.lists(st.tuples(st.sampled_from(["TraceParent", "tracestate", "a", "b"]), st.binary())),
)
def test_added_headers_stand_alone(own: list[tuple[str, bytes]], added: list[tuple[str, bytes]]) -> None:
    """All that are added are there, in order, and of a record's own all that have no name of theirs."""
    record = Record(id="1", type="t", topic="t", key=None, value=b"", headers=tuple(own))
    headers = record.with_headers(tuple(added)).headers
    names = {name.lower() for name, _ in added}
    kept = headers[: len(headers) - len(added)]
    assert list(headers[len(kept) :]) == added
    assert not {name.lower() for name, _ in kept} & names
    dropped = [name.lower() for name, _ in own if (name, _) not in kept]
    assert set(dropped) <= names | ({"tracestate"} if "traceparent" in names else set())
