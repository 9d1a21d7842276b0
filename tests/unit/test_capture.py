"""What of a request goes into its events, and what stays out."""

import logging
import threading
from typing import Any

import pytest
from flask import Flask, request, request_finished
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

from flask_kafka_events import emit_event
from flask_kafka_events.sampling import kept
from tests.sending import Shop, shop

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def visit(here: Shop, path: str = "/reset/secret-token", **headers: str) -> dict[str, object]:
    """The attributes of the event of one request with these headers."""
    here.app.get("/reset/<token>")(emit_event("reset")(lambda token: token))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    here.app.test_client().get(path, headers=names)
    return dict(here.sent()[-1].attributes)


def test_only_the_route_is_told() -> None:
    """Without CAPTURE neither path nor address nor agent is in the event."""
    with shop() as here:
        attributes = visit(here, User_Agent="curl", X_Request_ID="r1")
    assert set(attributes) == {"httpmethod", "httproute", "endpoint", "durationus", "httpstatus"}


def test_allow_list_adds_what_it_names() -> None:
    """Each name of CAPTURE adds its attribute, percent-encoded where CloudEvents forbids a character."""
    with shop(CAPTURE=["httppath", "clientip", "useragent", "requestid"]) as here:
        attributes = visit(here, "/reset/%00x", User_Agent="curl", X_Request_ID="r1")
    assert attributes["httppath"] == "/reset/%00x"
    assert attributes["clientip"] == "127.0.0.1"
    assert (attributes["useragent"], attributes["requestid"]) == ("curl", "r1")


def test_what_a_request_does_not_have_is_left_out() -> None:
    """A captured header that is missing gives no attribute."""
    with shop(CAPTURE=["httppath", "requestid"]) as here:
        assert "requestid" not in visit(here)


def test_client_address_is_what_proxyfix_made_of_it() -> None:
    """X-Forwarded-For counts only where ProxyFix was told to trust it."""
    for trusted, address in ((False, "127.0.0.1"), (True, "203.0.113.9")):
        with shop(CAPTURE=["clientip"]) as here:
            if trusted:
                here.app.wsgi_app = ProxyFix(here.app.wsgi_app)  # type: ignore[method-assign]
            assert visit(here, X_Forwarded_For="203.0.113.9")["clientip"] == address


def test_userid_is_asked_of_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """USERID gives the attribute; None and an exception leave it out, the latter with one warning."""
    for answer, expected in (("u7", "u7"), (None, None)):
        with shop(USERID=lambda answer=answer: answer) as here:
            assert visit(here).get("userid") == expected
    with shop(USERID=lambda: 1 / 0) as here:
        assert "userid" not in visit(here)
    assert "KAFKA_EVENTS_USERID raised ZeroDivisionError" in caplog.text


def test_valid_trace_is_carried_over() -> None:
    """Traceparent and tracestate go through unchanged if valid, and not at all otherwise."""
    with shop() as here:
        attributes = visit(here, traceparent=TRACE, tracestate="a=1")
    assert (attributes["traceparent"], attributes["tracestate"]) == (TRACE, "a=1")
    with shop() as here:
        assert "tracestate" not in visit(here, traceparent=TRACE, tracestate="bad")
    with shop() as here:
        assert "traceparent" not in visit(here, traceparent="bad", tracestate="a=1")


def test_every_request_can_be_an_event() -> None:
    """REQUESTS emits http.request for each, also for 404 and 500, not for HEAD, OPTIONS and what is excluded."""
    with shop(testing=False, REQUESTS={"exclude": ["health"]}) as here:
        here.app.get("/")(lambda: "")
        here.app.add_url_rule("/health", "health", lambda: "")
        here.app.add_url_rule("/bug", "bug", lambda: str(1 / 0))
        client = here.app.test_client()
        for path in ("/", "/health", "/none", "/bug"):
            client.get(path)
        client.head("/")
        client.options("/")
        assert [(event.type, event.attributes["httpstatus"]) for event in here.sent()] == [
            ("http.request", 200), ("http.request", 404), ("http.request", 500),
        ]  # fmt: skip


def test_requests_switched_off_by_type_are_counted() -> None:
    """TYPES can switch http.request off, and sample it by trace."""
    with shop(REQUESTS=True, TYPES={"http.*": {"enabled": False}}) as here:
        here.app.get("/")(lambda: "")
        here.app.test_client().get("/")
        assert here.sent() == []
        assert here.mine.stats().disabled == 1


def test_a_trace_stays_together() -> None:
    """All events of one trace are kept or none, the same in every process."""
    with shop(REQUESTS={"sample": 0.5}, TYPES={"bought": {"sample": 0.5}}) as here:
        here.app.get("/")(emit_event("bought")(lambda: ""))
        for number in range(40):
            trace = f"00-{number + 1:032x}-00f067aa0ba902b7-01"
            here.app.test_client().get("/", headers={"traceparent": trace})
        here.app.test_client().get("/")
        by_trace: dict[object, int] = {}
        for event in here.sent():
            by_trace[event.attributes.get("traceparent")] = (
                by_trace.get(event.attributes.get("traceparent"), 0) + 1
            )
        by_trace.pop(None, None)
    assert set(by_trace.values()) == {2}
    assert len(by_trace) == sum(kept(0.5, f"{number + 1:032x}") for number in range(40))


def test_retried_request_has_the_same_ids(caplog: pytest.LogCaptureFixture) -> None:
    """With IDEMPOTENCY the same key of the same caller gives the same ids, and any other caller others."""
    caller = ["ana"]
    with shop(IDEMPOTENCY=lambda: caller[0]) as here:

        @here.app.get("/")
        @emit_event("bought")
        def buy() -> str:
            here.events.emit("noted")
            here.events.emit("noted")
            return ""

        def ids() -> set[str]:
            before = len(here.sent())
            here.app.test_client().get("/", headers={"Idempotency-Key": "k"})
            return {event.id for event in here.sent()[before:]}

        first = ids()
        assert len(first) == 3
        assert ids() == first
        caller[0] = "bo"
        assert not ids() & first
        caller[0] = None  # type: ignore[call-overload]
        assert not ids() & first
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_request_event_tells_how_long_the_request_took() -> None:
    """The clock of `http.request` runs from the request's start, before the view."""
    waited = threading.Event()
    with shop(REQUESTS=True) as here:
        here.app.get("/")(lambda: str(waited.wait(0.05)))
        here.app.test_client().get("/")
        (event,) = here.sent()
    duration = event.attributes["durationus"]
    assert isinstance(duration, int)
    assert 50_000 <= duration < 10_000_000


def test_rules_of_a_type_go_before_the_code() -> None:
    """TYPES decides topic, key and format of an event, whatever decorator and emit() say."""
    rule = {"topic": "loot", "key": "item", "format": "plain"}
    with shop(TYPES={"bought_*": rule}) as here:
        here.app.get("/")(
            emit_event("bought_sword", key="player", topic="other", data={"player": "ana", "item": "7"})(
                lambda: ""
            )
        )
        here.app.test_client().get("/")
        here.mine.emit("bought_knife", {"item": "8"}, key="x", topic="other")
        here.mine.emit("sold_knife", {"item": "9"}, key="x", topic="other")
        sent = [(event.type, event.topic, event.key) for event in here.sent()]
        assert sent == [
            ("bought_sword", "loot", "7"),
            ("bought_knife", "loot", "8"),
            ("sold_knife", "other", "x"),
        ]
        assert [headers["content-type"][:10] for headers in here.producers[0].headers] == [
            b"text/plain", b"text/plain", b"applicatio",
        ]  # fmt: skip


def test_receiver_that_left_is_not_waited_for() -> None:
    """Once another receiver of request_finished is disconnected, requests are decided before their body again."""

    def listen(_: Flask, **__: Any) -> None:
        """As an agent that watches requests does."""

    with shop() as here, shop("other") as other:
        here.app.get("/")(emit_event("seen")(lambda: "ok"))
        request_finished.connect(listen, sender=other.app)
        try:
            body = here.app(EnvironBuilder("/").get_environ(), lambda *_: lambda _: None)
            assert here.types() == ["seen"]
            body.close()  # type: ignore[attr-defined]  # PEP 3333: where there is one
        finally:
            request_finished.disconnect(listen, sender=other.app)


def test_headers_that_the_app_made_are_the_ones_that_count() -> None:
    """An app may give a request an id of its own, or another trace, by replacing its headers."""
    with shop(CAPTURE=["requestid"]) as here:

        @here.app.before_request
        def name_it() -> None:
            request.headers = Headers({"X-Request-ID": "made-here", "traceparent": TRACE})

        attributes = visit(here, X_Request_ID="sent")
    assert (attributes["requestid"], attributes["traceparent"]) == ("made-here", TRACE)
