"""Whose child an event's span is."""

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, request, request_finished, stream_with_context

from flask_kafka_events import emit_event, event_delivered
from tests.processes import wait_until
from tests.sending import Shop
from tests.tracing import (
    TRACE,
    TRACEPARENT,
    Spans,
    attributes,
    context_of,
    id_of,
    instrument,
    parent_of,
    traced,
)


def add_views(held: Shop) -> None:
    """A view for each moment at which an event may be decided."""
    app = held.app

    @app.get("/ok")
    @emit_event("ok")
    def ok() -> str:
        return "ok"

    @app.get("/async")
    @emit_event("async")
    async def in_coroutine() -> str:
        return "ok"

    @app.get("/broken")
    @emit_event("broken", on="always")
    def broken() -> str:
        raise EOFError

    @app.get("/refused")
    @emit_event("refused", on="always")
    def refused() -> tuple[str, int]:
        return "no", 404

    @app.get("/close")
    @emit_event("close", at="close")
    def close() -> Response:
        return Response(iter(["ok"]))

    @app.get("/stream")
    @emit_event("stream", at="close")
    def stream() -> Response:
        def body() -> Iterator[str]:
            held.mine.emit("in the body")
            yield request.path

        return Response(stream_with_context(body()))


def someone_else(_: Flask, response: Response) -> None:
    """Another receiver of request_finished, for whose sake events are decided at teardown."""


@pytest.mark.parametrize("has_company", [False, True])
@pytest.mark.parametrize("is_instrumented_first", [False, True])
@pytest.mark.parametrize("propagates", [False, True])
@pytest.mark.parametrize("path", ["ok", "async", "broken", "refused", "close", "stream"])
def test_event_of_a_request_is_its_child(
    path: str, has_company: bool, is_instrumented_first: bool, propagates: bool
) -> None:
    """Whenever it is decided: at the answer, at teardown, at the body's end; http.request too."""
    spans, app = Spans(), Flask("shop")
    if is_instrumented_first:
        instrument(app, spans)
    if has_company:
        request_finished.connect(someone_else, app)
    with traced(spans, app=app, REQUESTS=True) as held:
        if not is_instrumented_first:
            instrument(app, spans)
        app.config["PROPAGATE_EXCEPTIONS"] = propagates
        add_views(held)
        try:
            with app.test_client().get(f"/{path}") as response:
                assert response.data
        except EOFError:
            assert propagates
        held.mine.flush(5)
        parent = spans.named("request")
        types = [attributes(span)["cloudevents.event_type"] for span in spans.events()]
        assert sorted(types) == sorted([path, "http.request", *(["in the body"] if path == "stream" else [])])
        assert {parent_of(span) for span in spans.events()} == {id_of(parent)}
        assert {context_of(span).trace_id for span in spans.events()} == {context_of(parent).trace_id}


def test_event_emitted_under_a_span_is_its_child() -> None:
    """What a view emits at once belongs to the part of the request that it is emitted in."""
    spans = Spans()
    with traced(spans) as held:
        instrument(held.app, spans)

        @held.app.get("/")
        def view() -> str:
            with spans.tracer.start_as_current_span("payment"):
                held.mine.emit("paid")
            return "ok"

        held.app.test_client().get("/")
        held.mine.flush(5)
        assert parent_of(spans.event("paid")) == id_of(spans.named("payment"))
        assert parent_of(spans.named("payment")) == id_of(spans.named("request"))


def in_a_thread(what: Callable[[], object]) -> None:
    """Do this in a thread of its own."""
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()


def test_event_of_a_thread_begins_a_trace() -> None:
    """A thread knows nothing of the request that started it, and no more does its event."""
    spans = Spans()
    with traced(spans) as held, spans.tracer.start_as_current_span("request"):
        in_a_thread(lambda: held.mine.emit("tick"))
        held.mine.flush(5)
    assert spans.event("tick").parent is None
    assert context_of(spans.event("tick")).trace_id != context_of(spans.named("request")).trace_id


def test_event_about_an_event_has_a_span_too() -> None:
    """What a receiver emits in the poller's thread begins a trace, and ends although no signal tells its end."""
    spans = Spans()

    def tell(_: Flask, record: Any, delivery: Any) -> None:
        held.mine.emit("arrived", record.id)

    with traced(spans) as held, event_delivered.connected_to(tell, sender=held.app):
        with spans.tracer.start_as_current_span("request"):
            held.mine.emit("sold")
        wait_until(lambda: held.mine.stats().delivered == 2, "both have arrived")
        held.mine.flush(5)
    assert parent_of(spans.event("sold")) == id_of(spans.named("request"))
    assert spans.event("arrived").parent is None
    assert attributes(spans.event("arrived"))["messaging.kafka.offset"] == 1


def test_requests_own_trace_goes_on() -> None:
    """Where nothing makes a span of the request, an event is a child of the span that the client named."""
    spans = Spans()
    with traced(spans) as held:
        add_views(held)
        headers = {"Traceparent": TRACEPARENT, "Tracestate": "vendor=7"}
        held.app.test_client().get("/ok", headers=headers)
        (event,) = held.sent()
    span = spans.event()
    assert parent_of(span) == TRACEPARENT.split("-")[2]
    assert f"{context_of(span).trace_id:032x}" == TRACE
    assert event.attributes["traceparent"] == f"00-{TRACE}-{id_of(span)}-01"
    assert event.attributes["tracestate"] == "vendor=7"


def test_trace_state_of_another_trace_is_left_out() -> None:
    """Under a span that has nothing to do with the client's, neither value of the client's stays in the event."""
    spans = Spans()
    with traced(spans) as held:

        @held.app.get("/")
        def view() -> str:
            with spans.tracer.start_as_current_span("apart"):
                held.mine.emit("sold")
            return "ok"

        headers = {"Traceparent": TRACEPARENT, "Tracestate": "vendor=7"}
        held.app.test_client().get("/", headers=headers)
        (event,) = held.sent()
        (kept,) = held.producers[0].headers
    assert "tracestate" not in event.attributes | kept
    assert TRACE not in str(event.attributes["traceparent"])


def test_what_is_decided_as_garbage_is_nobody_elses_child() -> None:
    """A request that nobody decided belongs to its own trace, not to that of whoever collects it."""
    spans = Spans()
    with traced(spans) as held:
        add_views(held)
        kept: list[Any] = []

        @held.app.teardown_request
        def spoil(_: BaseException | None) -> None:
            kept.append(request._get_current_object())  # type: ignore[attr-defined]
            raise EOFError

        with pytest.raises(EOFError):
            held.app.test_client().get("/refused", headers={"Traceparent": TRACEPARENT})
        request_finished.connect(someone_else, held.app)
        with pytest.raises(EOFError):
            held.app.test_client().get("/ok", headers={"Traceparent": TRACEPARENT})
        with spans.tracer.start_as_current_span("other"):
            kept.clear()
            gc.collect()
        assert held.types() == ["refused", "ok"]
    assert f"{context_of(spans.event('ok')).trace_id:032x}" == TRACE
