"""The parts of one event's way, each by itself, so that one sees where its instructions go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from flask import request

from flask_kafka_events import current_event, emit_event
from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.capture import capture
from flask_kafka_events.content import Content, FieldKey
from flask_kafka_events.encoding import encode_data
from flask_kafka_events.event import Event, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Request
    from werkzeug.local import LocalProxy

    from benchmarks.blocks import Run
    from flask_kafka_events.capture import RequestFacts
    from flask_kafka_events.pipeline import Pipeline

_DATA: Final = {"player": "ana", "color": "red", "price": 12}
_KEY: Final = FieldKey("player")


def parts_of(app: Flask) -> dict[str, Run]:
    """Of an event of this app, whose producer takes everything."""
    pipeline = pipeline_of(app)
    content = _content(app)
    event = _event(content)
    record = content.format(event)

    @emit_event("bought", key="player")
    def take_back() -> None:
        current_event.discard()

    parts: dict[str, Callable[[], object]] = {
        "a draft, opened and discarded": take_back,
        "its data, checked and encoded": lambda: encode_data(_DATA),
        "its content: that, key, time, what its type says": lambda: _content(app),
        "what the request gives to it": lambda: _facts(pipeline),
        "its id": new_id,
        "the event as a value": lambda: _event(content),
        "the event as a record": lambda: content.format(event),
        "the record counted, given its place, handed to librdkafka": lambda: pipeline.process.send(record),
    }
    return {name: _within(app, part) for name, part in parts.items()}


def _facts(pipeline: Pipeline) -> RequestFacts:
    at_hand = cast("LocalProxy[Request]", request)._get_current_object()
    return capture(at_hand, pipeline.settings, pipeline.reminders)


def _content(app: Flask) -> Content:
    made = pipeline_of(app).make_content("bought", lambda: _DATA, strict=False, key=_KEY)
    if made is None:
        raise AssertionError("switched off")
    return made


def _event(content: Content) -> Event:
    known: dict[str, Any] = {
        "httpmethod": "GET",
        "httproute": "/",
        "endpoint": "buy",
        "httpstatus": 200,
        "durationus": 9,
    }
    return Event(
        id="01a213b6-cad4-770b-8bed-5cc9ee8293b2", source="/bench", type=content.type, time=content.time,
        topic=content.topic, key=content.key, data=content.data, attributes=known,
    )  # fmt: skip


def _within(app: Flask, part: Callable[[], object]) -> Run:
    def run(times: int) -> None:
        with app.test_request_context("/plain"):
            for _ in range(times):
                part()

    return run
