"""Each draft is decided once and accounted for, whatever the app's code, the server or the client does."""

import contextvars
import gc
from collections import deque
from collections.abc import Coroutine, Generator, Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
from flask import Flask, Response, make_response, request, request_finished, stream_with_context
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder

from flask_kafka_events import Event, current_event, emit_event, event_created
from flask_kafka_events.drafts import Draft
from flask_kafka_events.request_state import RequestState
from tests.sending import Shop, shop


@pytest.fixture
def here() -> Iterator[Shop]:
    """An app in production mode that reserves places: of four events' room, one that isn't given back soon shows."""
    with shop(testing=False, ON_FULL="raise", QUEUE_EVENTS=8) as made:
        yield made


def serve(app: Flask, path: str = "/", parts: int | None = None) -> None:
    """Ask as a WSGI server does: read so many parts of the body, or all, and close it."""
    body = app(EnvironBuilder(path).get_environ(), lambda *_: lambda _: None)
    try:
        for number, _ in enumerate(body):
            if number + 1 == parts:
                break
    finally:
        body.close()  # type: ignore[attr-defined]  # PEP 3333: where there is one


def accounted(here: Shop) -> dict[str, int]:
    """How many events were sent, by type, after a check that the ledger adds up and every place was given back."""
    here.mine.flush(5)
    stats = here.mine.stats()
    assert stats.pending == 0
    assert stats.emitted == stats.delivered + stats.failed + stats.dropped
    for _ in range(4):  # half of the queue is one topic's
        assert here.app.extensions["kafka_events"].process.reserve("shop_events") is not None
    types = here.types()
    return {name: types.count(name) for name in sorted(set(types))}


def test_response_of_all_requests_is_decided_once_for_each(here: Shop) -> None:
    """A Response that is a module's constant is closed for every request, and no user's event goes out again."""
    constant = Response("ok")

    @here.app.get("/")
    @emit_event("seen", at="close")
    def view() -> Response:
        current_event["user"] = request.args["user"]
        return constant

    for user in "abc":
        serve(here.app, f"/?user={user}")
    assert [event.decoded() for event in here.sent()] == [{"user": user} for user in "abc"]
    assert accounted(here) == {"seen": 3}


def test_response_closed_twice_is_decided_once(here: Shop) -> None:
    """A test client's second close() changes nothing."""
    here.app.get("/")(emit_event("seen", at="close")(lambda: "ok"))
    answer = here.app.test_client().get("/")
    answer.close()
    answer.close()
    assert accounted(here) == {"seen": 1}


def test_body_whose_close_raises_is_decided(here: Shop) -> None:
    """A cursor that fails to close is the server's to see; the event says that the body broke."""

    @here.app.get("/")
    @emit_event("streamed", on="error", at="close")
    def view() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            raise OSError("closing the cursor fails")

    for _ in range(5):
        with pytest.raises(OSError, match="closing the cursor"):
            serve(here.app, parts=1)
        here.mine.flush(5)
    assert accounted(here) == {"streamed": 5}


@pytest.mark.parametrize("is_closed", [True, False])
def test_body_that_never_tells_its_end_is_decided(here: Shop, is_closed: bool) -> None:
    """Where an earlier call_on_close raises, or nobody closes the response, its end as an object is the end."""

    @here.app.get("/")
    @emit_event("hooked", on="always", at="close")
    def view() -> Response:
        response = make_response("x")
        response.call_on_close(lambda: 1 / 0)
        return response

    for _ in range(5):
        if is_closed:
            with pytest.raises(ZeroDivisionError):
                serve(here.app)
        else:
            here.app(EnvironBuilder("/").get_environ(), lambda *_: lambda _: None)
        gc.collect()
        here.mine.flush(5)
    assert accounted(here) == {"hooked": 5}


@pytest.mark.parametrize("why", ["an exception leaves the app", "somebody else listens"])
def test_teardown_that_raises_is_no_way_out(here: Shop, why: str) -> None:
    """Flask sends no teardown signal then: the request is decided as it is thrown away, with all that was known."""
    here.app.config["PROPAGATE_EXCEPTIONS"] = True

    @here.app.teardown_request
    def teardown(_: BaseException | None) -> None:
        raise OSError("session.close() failed")

    @here.app.get("/")
    @emit_event("ordered", on="always")
    def view() -> str:
        if why == "an exception leaves the app":
            raise RuntimeError
        return "ok"

    def listen(_: Flask, **__: Any) -> None:
        """As an agent that watches requests does."""

    with request_finished.connected_to(listen, sender=here.app):
        for _ in range(5):
            with pytest.raises(OSError, match=r"session\.close"):
                serve(here.app)
            gc.collect()
            here.mine.flush(5)
    (status,) = {event.attributes["httpstatus"] for event in here.sent()}
    assert status == (500 if why == "an exception leaves the app" else 200)
    assert {event.attributes["httproute"] for event in here.sent()} == {"/"}
    assert accounted(here) == {"ordered": 5}


SAID: contextvars.ContextVar[str] = contextvars.ContextVar("said", default="nothing")


def test_event_at_close_is_made_in_its_requests_context(here: Shop) -> None:
    """What a request has in its context is there for receivers, whatever context its body is closed in."""

    @here.app.get("/")
    @emit_event("closed", at="close")
    def view() -> Response:
        SAID.set("in the view")
        return Response(iter(["ok"]))

    heard: list[str] = []

    def note(_: Flask, event: Event) -> None:
        heard.append(SAID.get())

    with event_created.connected_to(note, sender=here.app):
        body = contextvars.Context().run(
            here.app, EnvironBuilder("/").get_environ(), lambda *_: lambda _: None
        )
        assert b"".join(body) == b"ok"
        body.close()  # type: ignore[attr-defined]  # PEP 3333: where there is one
    assert heard == ["in the view"]
    assert SAID.get() == "nothing"
    assert accounted(here) == {"closed": 1}


def test_stream_that_is_over_before_the_decision_is_decided(here: Shop) -> None:
    """Where teardown decides, and stream_with_context puts it behind the body's end, that end is known already."""

    @here.app.get("/")
    @emit_event("streamed", at="close")
    def view() -> Response:
        return Response(stream_with_context(iter(["a", "b"])))

    def listen(_: Flask, **__: Any) -> None:
        """As an agent that watches requests does."""

    with request_finished.connected_to(listen, sender=here.app):
        for _ in range(5):
            serve(here.app)
            here.mine.flush(5)
    assert accounted(here) == {"streamed": 5}


def test_response_closed_before_the_decision_is_decided(here: Shop) -> None:
    """Where a job dispatches by itself, and an agent defers the decision, the response's end may be past by then."""
    here.app.get("/")(emit_event("seen", at="close")(lambda: "ok"))

    def listen(_: Flask, **__: Any) -> None:
        """As an agent that watches requests does."""

    with request_finished.connected_to(listen, sender=here.app):
        with here.app.test_request_context("/"):
            here.app.full_dispatch_request().close()
            assert here.types() == []
        assert accounted(here) == {"seen": 1}


def test_event_that_outgrows_its_place_gives_it_back(here: Shop) -> None:
    """A receiver that sends it to another topic, or makes it too large: the reserved place is free again."""

    def enrich(_: Flask, event: Event) -> Event:
        if event.type == "moved":
            return event.replace(topic="elsewhere")
        return event.replace(attributes={"padding": "x" * 1_000_000})

    with event_created.connected_to(enrich, sender=here.app):
        for _ in range(5):
            here.mine.emit("moved")
            here.mine.emit("padded")
            here.mine.flush(5)
    here.mine.emit("broken", float("nan"))
    assert here.mine.stats().failed_by_reason == {"too_large": 5, "encoding": 1}
    assert accounted(here) == {"moved": 5}


def test_context_that_is_never_popped_leaves_nothing_behind(here: Shop) -> None:
    """A request context that was pushed by hand and forgotten gives up its drafts as it is collected."""

    def forget() -> None:
        here.app.test_request_context("/").push()
        emit_event("forgotten")(lambda: None)()

    for _ in range(5):
        contextvars.Context().run(forget)
        gc.collect()
        here.mine.flush(5)
    assert accounted(here) == {"forgotten": 5}


def test_exception_that_is_none_of_ours_goes_through(here: Shop) -> None:
    """What gevent's Timeout would be, raised in one `on`, leaves the app; the request's other events are sent."""

    class Timeout(BaseException):
        pass

    def give_up(_: object) -> bool:
        raise Timeout

    @here.app.get("/")
    @emit_event("a", on="always")
    @emit_event("b", on=give_up)
    @emit_event("c", on="always")
    def view() -> str:
        return "ok"

    for _ in range(5):
        with pytest.raises(Timeout):
            serve(here.app)
        here.mine.flush(5)
    assert here.mine.stats().failed_by_reason == {"error": 5}
    assert accounted(here) == {"a": 5, "c": 5}


def test_http_exception_that_cannot_answer_by_itself_counts_as_an_error(here: Shop) -> None:
    """An exception class of the app's own whose get_response() wants more is asked for its code alone."""

    class Teapot(HTTPException):
        code = 418

        def get_response(self, environ: Any, scope: Any = None) -> Any:  # type: ignore[override]
            return super().get_response(environ, scope)

    @here.app.get("/")
    @emit_event("good")
    @emit_event("bad", on="error")
    def view() -> str:
        raise Teapot

    serve(here.app)
    assert accounted(here) == {"bad": 1}


def test_retried_request_has_the_same_ids_at_the_close_too() -> None:
    """The caller's scope is asked while the request is at hand, for events that wait for the body's end as well."""
    with shop(IDEMPOTENCY=lambda: request.headers["X-User"]) as here:
        view: Any = lambda: "ok"  # noqa: E731 - decorated below
        for at in ("response", "close"):
            view = emit_event(at, at=at)(view)
        here.app.get("/")(view)
        for user in ("ana", "ana", "bob"):
            headers = {"Idempotency-Key": "1", "X-User": user}
            here.app.test_client().get("/", headers=headers).close()
        for at in ("response", "close"):
            first, again, other = (event.id for event in here.sent() if event.type == at)
            assert first == again != other


def test_data_of_the_decorator_is_each_calls_own() -> None:
    """A list in `data=` that a view appends to is new for every call: no user's data in another's event."""
    with shop() as here:

        @here.app.get("/<user>")
        @emit_event("visited", data={"tags": []})
        def view(user: str) -> str:
            current_event["tags"].append(user)
            return ""

        for user in ("ana", "bob"):
            here.app.test_client().get(f"/{user}")
        assert [event.decoded() for event in here.sent()] == [{"tags": ["ana"]}, {"tags": ["bob"]}]


def test_an_answer_that_is_told_twice_is_decided_once(here: Shop) -> None:
    """Whoever sends Flask's signal again emits no second event."""
    here.app.get("/")(emit_event("seen")(lambda: "ok"))
    with here.app.test_request_context("/"):
        answer = here.app.full_dispatch_request()
        request_finished.send(here.app, response=answer)
    assert accounted(here) == {"seen": 1}


def test_a_draft_that_another_thread_takes_meanwhile_is_decided_once() -> None:
    """Between a look at the line and the taking of its first one."""

    class Raced(deque[Draft]):
        def popleft(self) -> Draft:
            self.clear()
            return super().popleft()

    state = RequestState(lambda _: None)
    state.drafts = Raced([cast("Draft", object())])
    assert list(state.take()) == []


def test_a_coroutine_that_is_closed_in_another_context_is_accounted_for(here: Shop) -> None:
    """An unfinished async view is closed by whoever collects it, whose context has never seen the draft."""

    @emit_event("seen", on="error")
    async def view() -> None:
        await Pause()

    with here.app.app_context():
        coroutine = contextvars.copy_context().run(started, view())
        coroutine.close()
        assert accounted(here) == {"seen": 1}


class Pause:
    """Something to wait for without an event loop."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def started(coroutine: Coroutine[Any, None, None]) -> Coroutine[Any, None, None]:
    """The same one, waiting."""
    with suppress(StopIteration):
        coroutine.send(None)
    return coroutine


@pytest.mark.parametrize(("on", "count"), [("success", 0), ("error", 1), ("always", 1)])
def test_what_the_app_tears_down_with_belongs_to_its_request(on: Any, count: int) -> None:
    """A teardown function that was there before the extension is called within the request, and knows how it ended."""
    app = Flask("shop")

    @app.teardown_request
    @emit_event("left", on=on)
    def leave(_error: BaseException | None) -> None:
        return None

    @app.get("/")
    def view() -> str:
        raise ValueError

    with shop(app=app, testing=False) as here:
        assert here.app.test_client().get("/").status_code == 500
        assert [event.attributes["httpstatus"] for event in here.sent()] == [500] * count


def test_an_app_that_has_answered_already_can_be_given_events() -> None:
    """Flask's own setup methods would refuse that."""
    app = Flask("shop")
    app.get("/")(emit_event("seen")(lambda: "ok"))
    app.add_url_rule("/plain", view_func=lambda: "ok", endpoint="plain")
    assert app.test_client().get("/plain").status_code == 200
    with shop(app=app) as here:
        assert here.app.test_client().get("/").status_code == 200
        assert here.types() == ["seen"]


def test_what_one_thread_does_not_ask_for_is_left_to_others() -> None:
    """What the `on` of the first one raises leaves the drafts of other threads where they are."""
    first, second = cast("Draft", object()), cast("Draft", object())
    state = RequestState(lambda _: None)
    state.drafts.extend([first, second])
    assert next(iter(state.take())) is first
    assert list(state.drafts) == [second]
    state.drafts.clear()
