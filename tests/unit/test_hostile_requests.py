"""Whatever a client sends and a view puts into an event: the answer is the view's, and what is kept can be read again."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app

from flask_kafka_events import Event, Record, current_event, emit_event, event_created, event_delivered
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop

from .test_encoding_hostile import HOSTILE, JUNK

#: What a WSGI server makes of any bytes.
TEXTS = st.binary(max_size=40).map(lambda content: content.decode("latin-1"))
NAMES = (
    "COOKIE",
    "AUTHORIZATION",
    "USER_AGENT",
    "X_REQUEST_ID",
    "TRACEPARENT",
    "TRACESTATE",
    "IDEMPOTENCY_KEY",
    "X",
)
CAPTURE = ["httppath", "clientip", "useragent", "requestid"]


class Silent(KeepingProducer):
    """Keeps everything until it is told to answer."""

    def __init__(self, config: dict[str, Any], **more: Any) -> None:
        super().__init__(config, **more)
        self.answers = False


@pytest.fixture(params=["memory", "journal"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings of either mode."""
    return {"JOURNAL": str(tmp_path / "journal")} if request.param == "journal" else {}


@pytest.fixture
def here(kept: dict[str, Any]) -> Iterator[Shop]:
    """A shop that tells of every request all that it may; its broker doesn't answer."""
    told: dict[str, Any] = {
        "CAPTURE": CAPTURE,
        "IDEMPOTENCY": lambda: "ana",
        "USERID": lambda: request.headers.get("X"),
    }
    with shop(testing=False, make=Silent, patience=0, REQUESTS=True, **told, **kept) as held:
        held.app.add_url_rule("/<path:path>", "any", emit_event("seen")(lambda path: path), methods=["POST"])
        yield held


def come_out(here: Shop, kept: dict[str, Any]) -> list[Event]:
    """All that was accepted, as a broker gets it; with a journal from the next process of the app."""
    stats = here.mine.stats()
    if not kept:
        for producer in here.producers:
            producer.answers = True
        return here.sent()
    here.mine.close(0.01)
    with shop(testing=False, **kept) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().delivered == stats.pending, "all arrive")
        return heir.sent()


def test_any_request_is_answered_and_told(here: Shop, kept: dict[str, Any]) -> None:
    """Any path, query, headers, cookies and body: never an error of ours, and each event is read back as it was."""
    answered: list[int] = []

    @settings(max_examples=100)
    @given(TEXTS, TEXTS, st.dictionaries(st.sampled_from(NAMES), TEXTS), st.binary(max_size=100))
    def ask(path: str, query: str, headers: dict[str, str], body: bytes) -> None:
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": f"/{path}", "QUERY_STRING": query, "SCRIPT_NAME": "",
            "SERVER_NAME": "shop", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": path,
            "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http",
            "CONTENT_LENGTH": str(len(body)), **{f"HTTP_{name}": value for name, value in headers.items()},
        }  # fmt: skip
        _, status, _ = run_wsgi_app(here.app, environ, buffered=True)
        answered.append(int(status.split()[0]))

    ask()
    stats = here.mine.stats()
    assert max(answered) < 500
    assert (stats.emitted, stats.failed, stats.dropped) == (len(answered) + answered.count(200), 0, 0)
    assert here.is_accounted_for()
    assert len(come_out(here, kept)) == stats.emitted


def cycle() -> object:
    """A list that holds itself."""
    endless: list[object] = []
    endless.append(endless)
    return endless


def deep() -> object:
    """More levels than any reader takes."""
    nested: object = None
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "make",
    [
        *HOSTILE.values(), cycle, deep, lambda: "x" * 10_000_000, lambda: ["x"] * 3_000_000, lambda: float("nan"),
        lambda: "\ud800", lambda: {"\ud800": "\0"}, lambda: {"a": {1: 2}}, lambda: b"\xff" * 10, lambda: 10**5000,
    ],
)  # fmt: skip
def test_any_data_is_accounted(here: Shop, kept: dict[str, Any], make: Any) -> None:
    """What an event can't carry is a failed event and no failed request; what it can is read back."""

    @emit_event("filled")
    def fill() -> str:
        current_event["data"] = make()
        return "fine"

    here.app.get("/")(fill)
    assert here.app.test_client().get("/").text == "fine"
    here.mine.emit("emitted", {"data": make()})
    here.mine.emit("keyed", key=make())
    stats = here.mine.stats()
    assert (stats.emitted, stats.dropped) == (4, 0)
    assert here.is_accounted_for()
    assert len(come_out(here, kept)) == stats.pending


def test_any_mixture_of_data_is_accounted(here: Shop, kept: dict[str, Any]) -> None:
    """Good and bad values in any mixture; as data, as a header and as a key."""

    @settings(max_examples=30)
    @given(JUNK, st.dictionaries(st.text(), st.text() | st.binary(), max_size=2))
    def emit(value: Any, headers: dict[str, str | bytes]) -> None:
        here.mine.emit("sold", {"value": value}, headers=headers)
        here.mine.emit("sold", key=value)

    emit()
    stats = here.mine.stats()
    assert here.is_accounted_for()
    assert stats.emitted == stats.failed + stats.pending
    assert len(come_out(here, kept)) == stats.pending


def test_receivers_harm_nobody(here: Shop, kept: dict[str, Any]) -> None:
    """A receiver of either end that emits again, blocks or raises: all is counted and comes to an end."""
    never = threading.Event()

    def again(_: Flask, event: Event) -> None:
        here.mine.emit("again", wait=0) if event.type == "sold" else here.mine.emit("once more")

    def slowly(_: Flask, record: Record, **__: Any) -> None:
        here.mine.emit("told")
        never.wait(0.02)
        raise LookupError(record.type)

    created = event_created.connected_to(again, sender=here.app)
    with created, event_delivered.connected_to(slowly, sender=here.app):
        for _ in range(3):
            here.mine.emit("sold")
        for producer in here.producers:
            producer.answers = True
        assert here.mine.flush(5)
    stats = here.mine.stats()
    assert stats.receiver_errors > 3
    assert here.is_accounted_for()
    assert stats.pending == 0
