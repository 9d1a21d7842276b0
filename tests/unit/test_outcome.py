"""When a draft becomes an event: what the client got decides, once."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, cast

import pytest
from flask import Flask, Response, abort, redirect, request_finished, send_file
from flask.typing import ResponseReturnValue

from flask_kafka_events import MisplacedDecorator, Outcome, emit_event
from tests.sending import Shop, shop


@pytest.fixture
def here() -> Iterator[Shop]:
    """An app in production mode, whose errors become 500."""
    with shop(testing=False) as made:
        yield made


def statuses(here: Shop) -> list[tuple[str, object]]:
    """Type and status of what was sent."""
    return [(event.type, event.attributes.get("httpstatus")) for event in here.sent()]


def outcomes(view: Any) -> Any:
    """A view with one event for each named outcome."""
    for on in ("success", "error", "always"):
        view = emit_event(on, on=on)(view)
    return view


@pytest.mark.parametrize(
    ("path", "status", "ends"),
    [
        ("/ok", 200, "success"),
        ("/redirect", 302, "success"),
        ("/raise-redirect", 302, "success"),
        ("/client", 404, "error"),
        ("/abort", 403, "error"),
        ("/handled", 200, "error"),
        ("/unhandled", 500, "error"),
    ],
)
def test_outcome_is_what_the_client_got(here: Shop, path: str, status: int, ends: str) -> None:
    """Success needs a function that wasn't left by an error and a status below 400."""

    class Declined(Exception):
        pass

    @here.app.errorhandler(Declined)
    def declined(_: Declined) -> str:
        return "try again"

    answers: dict[str, Any] = {"/redirect": redirect("/ok"), "/client": ("", 404), "/ok": ""}
    raised: dict[str, Any] = {"/handled": Declined, "/unhandled": ValueError}

    @here.app.get(path)
    @outcomes
    def view() -> ResponseReturnValue:
        if path in ("/raise-redirect", "/abort"):
            abort(redirect("/ok") if path == "/raise-redirect" else 403)
        if path in raised:
            raise raised[path]
        return cast("ResponseReturnValue", answers[path])

    assert here.app.test_client().get(path).status_code == status
    assert sorted(statuses(here)) == sorted([("always", status), (ends, status)])


def test_fault_in_a_hook_leaves_the_request_alone(here: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A response class that raises where a hook looks is logged; the answer goes out, and teardown decides."""

    class Mine(Response):
        @property
        def is_streamed(self) -> bool:
            raise RuntimeError

    here.app.get("/")(emit_event("seen", at="close")(lambda: Mine("fine")))
    answer = here.app.test_client().get("/")
    assert (answer.status_code, answer.text) == (200, "fine")
    answer.close()
    assert here.types() == ["seen"]
    assert "flask_kafka_events failed in _on_finished; the request goes on." in caplog.text


def test_body_without_a_close_is_watched_too(here: Shop) -> None:
    """An iterable that has no close() of its own ends like any other."""

    class Parts:
        def __iter__(self) -> Iterator[str]:
            return iter(["a", "b"])

    here.app.get("/")(emit_event("read", at="close")(lambda: Response(cast("Any", Parts()))))
    answer = here.app.test_client().get("/")
    assert answer.text == "ab"
    answer.close()
    assert here.types() == ["read"]


def test_propagated_exception_is_a_500() -> None:
    """Where testing lets the exception through, the event tells what a server would answer."""
    with shop() as here:
        here.app.config["PROPAGATE_EXCEPTIONS"] = True

        @here.app.get("/")
        @outcomes
        def view() -> str:
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - the view's own, without a text
            here.app.test_client().get("/")
        assert sorted(statuses(here)) == [("always", 500), ("error", 500)]


def test_after_request_has_the_last_word(here: Shop) -> None:
    """A status changed by `after_request` is the one that counts."""

    @here.app.after_request
    def change(response: Response) -> Response:
        response.status_code = 409
        return response

    here.app.get("/")(outcomes(lambda: ""))
    here.app.test_client().get("/")
    assert sorted(statuses(here)) == [("always", 409), ("error", 409)]


def test_after_request_that_raises_is_a_500(here: Shop) -> None:
    """No signal tells of it, and still the request is decided, once."""

    @here.app.after_request
    def fail(_: Response) -> Response:
        raise ValueError

    here.app.get("/")(outcomes(lambda: ""))
    assert here.app.test_client().get("/").status_code == 500
    assert sorted(statuses(here)) == [("always", 500), ("error", 500)]


def test_raising_receiver_of_another_is_a_500(here: Shop) -> None:
    """Another receiver of request_finished turns the 200 into a 500, and the events say so."""

    def fail(_: Flask, **__: Any) -> None:
        raise ValueError

    here.app.get("/")(outcomes(lambda: ""))
    with request_finished.connected_to(fail, sender=here.app):
        assert here.app.test_client().get("/").status_code == 500
    assert sorted(statuses(here)) == [("always", 500), ("error", 500)]


def test_view_that_never_ran_emits_nothing(here: Shop) -> None:
    """A `before_request` that answers first leaves no event."""
    here.app.before_request(lambda: ("no", 200))
    here.app.get("/")(outcomes(lambda: ""))
    here.app.test_client().get("/")
    assert here.sent() == []


def test_head_and_options_emit_only_where_asked(here: Shop) -> None:
    """HEAD emits for a callable `on` alone."""
    seen: list[Outcome] = []
    view = outcomes(lambda: "")

    def note(outcome: Outcome) -> bool:
        seen.append(outcome)
        return True

    view = emit_event("asked", on=note)(view)
    here.app.get("/")(view)
    here.app.test_client().head("/")
    here.app.test_client().options("/")
    assert statuses(here) == [("asked", 200)]
    assert (seen[0].method, seen[0].status, seen[0].error) == ("HEAD", 200, None)
    assert seen[0].duration > 0


def test_callable_on_that_raises_is_counted(here: Shop) -> None:
    """A mistake in `on` harms nobody and is a failed event with its reason."""
    here.app.get("/")(emit_event("x", on=lambda _: 1 / 0)(lambda: "fine"))
    assert here.app.test_client().get("/").text == "fine"
    assert here.sent() == []
    assert here.mine.stats().failed_by_reason == {"error": 1}


@pytest.mark.parametrize(("parts", "ends"), [(["a", "b"], "success"), (["a", ValueError()], "error")])
def test_close_waits_for_the_body(here: Shop, parts: list[Any], ends: str) -> None:
    """With at="close" a stream that breaks is an error, and nothing is sent before its end."""

    def body() -> Iterator[str]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part

    view: Any = lambda: Response(body())  # noqa: E731 - decorated twice below
    for on in ("success", "error"):
        view = emit_event(on, on=on, at="close")(view)
    here.app.get("/")(view)
    response = here.app.test_client().get("/", buffered=False)
    assert here.sent() == []
    if ends == "error":
        with pytest.raises(ValueError):  # noqa: PT011 - the body's own
            list(response.response)
    else:
        assert response.get_data() == b"ab"
    response.close()
    assert statuses(here) == [(ends, 200)]


def test_body_that_the_client_leaves_is_broken(here: Shop) -> None:
    """A stream closed before its end is an error, and the view's own iterable is closed."""
    closed = []

    def body() -> Iterator[str]:
        try:
            yield from "abc"
        finally:
            closed.append(1)

    here.app.get("/")(emit_event("left", on="error", at="close")(lambda: Response(body())))
    response = here.app.test_client().get("/", buffered=False)
    next(iter(response.response))
    response.close()
    assert closed
    assert statuses(here) == [("left", 200)]


def test_complete_body_needs_no_watching(here: Shop) -> None:
    """A view that returns text can wait for its close too, also on HEAD."""
    here.app.get("/")(emit_event("done", at="close", on=lambda _: True)(lambda: "text"))
    here.app.test_client().get("/").close()
    here.app.test_client().head("/").close()
    assert statuses(here) == [("done", 200), ("done", 200)]


def test_send_file_can_not_wait(here: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """In production a send_file under at="close" emits at the response and warns; in strict mode it raises."""
    here.app.get("/")(emit_event("sent", at="close")(lambda: send_file(BytesIO(b"x"), "text/plain")))
    here.app.test_client().get("/").close()
    assert statuses(here) == [("sent", 200)]
    assert "direct_passthrough" in caplog.text
    here.app.testing = here.app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(MisplacedDecorator, match='Use at="response"'):
        here.app.test_client().get("/")


def test_request_is_decided_once_in_a_preserved_context(here: Shop) -> None:
    """A client that keeps the context sees the event at once, and teardown adds none."""
    here.app.get("/")(emit_event("seen")(lambda: ""))
    with here.app.test_client() as client:
        client.get("/")
        assert len(here.sent()) == 1
        client.get("/")
    assert len(here.sent()) == 2


def test_request_context_without_an_answer_decides_at_its_end(here: Shop) -> None:
    """A function called in a request context pushed by hand emits when that ends, without a status."""
    work = emit_event("worked")(lambda: None)
    with here.app.test_request_context():
        work()
        assert here.sent() == []
    assert statuses(here) == [("worked", None)]


def test_decorator_above_the_route_is_found() -> None:
    """Flask never calls it there: strict mode raises at the first request, production logs one line."""
    for testing in (True, False):
        with shop(testing=testing) as here:
            here.app.config["PROPAGATE_EXCEPTIONS"] = testing

            @emit_event("never")
            @here.app.get("/")
            def view() -> str:
                return "ok"

            client = here.app.test_client()
            if testing:
                with pytest.raises(MisplacedDecorator, match="for 'view' of app 'shop'"):
                    client.get("/")
            else:
                assert client.get("/").text == "ok"
