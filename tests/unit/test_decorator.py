"""What `@emit_event` does on each kind of function."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Response, stream_with_context
from flask.typing import ResponseReturnValue
from flask.views import MethodView, View

from flask_kafka_events import ConfigurationError, NoCurrentEvent, NotInitialised, current_event, emit_event
from tests.sending import Shop, shop


@pytest.fixture
def here() -> Iterator[Shop]:
    """An app in testing mode."""
    with shop() as made:
        yield made


def test_successful_view_emits_its_event(here: Shop) -> None:
    """A view that answers 200 emits one event with its data, key, route and status."""

    @here.app.post("/buy/<item>")
    @emit_event("bought", key="player")
    def buy(item: str) -> str:
        current_event.update(player="ana", item=item)
        current_event["price"] = 12
        return "sold"

    assert here.app.test_client().post("/buy/sword").text == "sold"
    (event,) = here.sent()
    assert (event.type, event.key, event.topic, event.source) == ("bought", "ana", "shop_events", "/shop")
    assert event.decoded() == {"player": "ana", "item": "sword", "price": 12}
    assert event.attributes["httpmethod"] == "POST"
    assert event.attributes["httproute"] == "/buy/<item>"
    assert event.attributes["endpoint"] == "buy"
    assert event.attributes["httpstatus"] == 200
    assert isinstance(event.attributes["durationus"], int)
    stats = here.mine.stats()
    assert (stats.emitted, stats.delivered, stats.pending) == (1, 1, 0)


def test_async_view_emits(here: Shop) -> None:
    """An async view's event carries what its coroutine put there."""

    @here.app.get("/")
    @emit_event("asked")
    async def ask() -> str:
        current_event.update(n=1)
        return "ok"

    assert here.app.test_client().get("/").text == "ok"
    assert here.sent()[0].decoded() == {"n": 1}


def test_async_view_that_raises_emits_its_error(here: Shop) -> None:
    """An async view's exception passes through and is an error."""

    @emit_event("failed", on="error")
    async def ask() -> str:
        raise ValueError

    with here.app.app_context(), pytest.raises(ValueError):  # noqa: PT011 - the function's own
        asyncio.run(ask())
    assert here.types() == ["failed"]


def test_streams_emit_when_the_view_returns(here: Shop) -> None:
    """A generator's event is decided before its body, with a context or without."""

    @here.app.get("/plain")
    @emit_event("plain")
    def plain() -> ResponseReturnValue:
        return (part for part in ("a", "b"))

    @here.app.get("/context")
    @emit_event("context")
    def context() -> ResponseReturnValue:
        return Response(stream_with_context(part for part in ("a", "b")))

    client = here.app.test_client()
    assert client.get("/plain").text == client.get("/context").text == "ab"
    assert here.types() == ["plain", "context"]


def test_view_classes_emit(here: Shop) -> None:
    """A View's `decorators` and a MethodView's methods take the decorator."""

    class Show(View):
        decorators = [emit_event("shown")]  # noqa: RUF012 - as Flask has it

        def dispatch_request(self) -> ResponseReturnValue:
            return "shown"

    class Items(MethodView):
        @emit_event("stored", data=lambda _self, name: {"name": name})
        def post(self, name: str) -> ResponseReturnValue:
            return {"stored": name}, 201

    here.app.add_url_rule("/show", view_func=Show.as_view("show"))
    here.app.add_url_rule("/items/<name>", view_func=Items.as_view("items"))
    client = here.app.test_client()
    assert client.get("/show").status_code == 200
    assert client.post("/items/x").status_code == 201
    assert here.types() == ["shown", "stored"]
    assert here.sent()[1].decoded() == {"name": "x"}


def test_nested_blueprints_emit(here: Shop) -> None:
    """A view of a blueprint in a blueprint needs no import of the app."""
    outer, inner = (
        Blueprint("outer", __name__, url_prefix="/o"),
        Blueprint("inner", __name__, url_prefix="/i"),
    )

    @inner.get("/x")
    @emit_event("deep")
    def deep() -> str:
        return ""

    outer.register_blueprint(inner)
    here.app.register_blueprint(outer)
    here.app.test_client().get("/o/i/x")
    assert here.sent()[0].attributes["endpoint"] == "outer.inner.deep"


def test_several_decorators_emit_several_events(here: Shop) -> None:
    """Each decorator has its own event; `of` picks one by type."""

    @here.app.get("/")
    @emit_event("outer")
    @emit_event("inner")
    def both() -> str:
        current_event.update(to="inner")
        current_event.of("outer").update(to="outer")
        assert (current_event.type, current_event.of("outer").type) == ("inner", "outer")
        return ""

    here.app.test_client().get("/")
    assert {event.type: event.decoded() for event in here.sent()} == {
        "inner": {"to": "inner"}, "outer": {"to": "outer"},
    }  # fmt: skip


def test_calls_in_a_loop_wait_for_the_request(here: Shop) -> None:
    """A decorated function called three times in a failing request emits nothing; in a good one three events."""

    @emit_event("step", data=lambda number: {"number": number})
    def step(number: int) -> None:
        pass

    @here.app.get("/<int:status>")
    def loop(status: int) -> ResponseReturnValue:
        for number in range(3):
            step(number)
        return "", status

    client = here.app.test_client()
    client.get("/400")
    client.get("/200")
    assert [event.decoded() for event in here.sent()] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert here.mine.stats().not_matching == 3


def test_plain_function_emits_when_it_returns(here: Shop) -> None:
    """Outside a request the event is sent at the return, without a status."""

    @emit_event("worked", data={"by": "job"})
    def work() -> int:
        return 7

    with here.app.app_context():
        assert work() == 7
    (event,) = here.sent()
    assert event.decoded() == {"by": "job"}
    assert "httpstatus" not in event.attributes


def test_plain_function_outside_a_context_is_refused_before_it_runs() -> None:
    """Without an app at hand the function doesn't run, and the error says what to do."""
    ran = []

    @emit_event("worked")
    def work() -> None:
        ran.append(1)

    with pytest.raises(NotInitialised, match=r"outside an app context.*push app\.app_context\(\)"):
        work()
    assert not ran


def test_discarded_draft_is_counted_apart(here: Shop) -> None:
    """A function that takes its event back emits nothing, whether it returns or raises."""

    @here.app.get("/<how>")
    @emit_event("seen", on="always")
    def see(how: str) -> str:
        current_event.discard()
        if how == "raise":
            raise ValueError
        return ""

    here.app.test_client().get("/return")
    here.app.test_client().get("/raise")
    assert here.sent() == []
    assert here.mine.stats().discarded == 2


def test_current_event_reads_what_was_put_there(here: Shop) -> None:
    """Fields can be read, tested and removed, and the key set."""

    @here.app.get("/")
    @emit_event("seen", data={"a": 1})
    def see() -> str:
        assert current_event["a"] == 1
        assert "a" in current_event
        del current_event["a"]
        assert current_event.key is None
        current_event.key = 7
        assert current_event.key == 7
        return ""

    here.app.test_client().get("/")
    (event,) = here.sent()
    assert (event.decoded(), event.key) == ({}, "7")


def test_current_event_after_the_return_teaches() -> None:
    """Outside a running function each use raises, and the error tells where it may be used."""
    with pytest.raises(NoCurrentEvent, match="before it returns"):
        current_event.update(a=1)
    with pytest.raises(NoCurrentEvent, match="emits 'bought'"):
        current_event.of("bought")


def test_kept_event_is_closed_with_its_function(here: Shop) -> None:
    """What `of` gave can't be used once its function has returned."""
    kept: list[Any] = []

    @emit_event("seen")
    def see() -> None:
        kept.append(current_event.of("seen"))

    with here.app.app_context():
        see()
    with pytest.raises(NoCurrentEvent, match="emits 'seen'"):
        kept[0].update(a=1)


def test_current_event_survives_a_nested_app_context(here: Shop) -> None:
    """Pushing another context inside the function changes nothing."""

    @here.app.get("/")
    @emit_event("seen")
    def see() -> str:
        with here.app.app_context():
            current_event.update(a=1)
        return ""

    here.app.test_client().get("/")
    assert here.sent()[0].decoded() == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"type": ""},
            "@emit_event(''): type is empty. CloudEvents wants text there: give at least one character.",
        ),
        ({"type": "x", "key": 1}, "@emit_event('x'): key=1 must be a field name or a callable of the data."),
        ({"type": "x", "data": 1}, "@emit_event('x'): data=1 must be a mapping or a callable."),
        (
            {"type": "x", "on": "ok"},
            "@emit_event('x'): on='ok' must be 'success', 'error', 'always' or a callable of the Outcome.",
        ),
        ({"type": "x", "at": "end"}, "@emit_event('x'): at='end' must be 'response' or 'close'."),
        (
            {"type": "x", "format": "xml"},
            "@emit_event('x'): format='xml' must be one of 'cloudevents', 'cloudevents-binary', 'plain'.",
        ),
    ],
)
def test_wrong_arguments_are_told_where_they_stand(arguments: dict[str, Any], message: str) -> None:
    """Each argument is checked when the decorator is applied, word for word."""
    with pytest.raises(ConfigurationError) as caught:
        emit_event(**arguments)
    assert str(caught.value) == message


def test_missing_parentheses_are_told() -> None:
    """`@emit_event` bare, directly on a function, is told with the line to write."""

    def buy() -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        emit_event(buy)  # type: ignore[arg-type]
    assert str(caught.value) == (
        '@emit_event stands on buy without parentheses. Write @emit_event("name"), the name of what happened.'
    )


def test_impossible_topic_is_told() -> None:
    """A topic that Kafka doesn't allow is told at the decorator."""
    with pytest.raises(ConfigurationError, match=r"@emit_event\('x'\): "):
        emit_event("x", topic="a b")


def test_what_is_no_function_is_refused() -> None:
    """A class, a value and an async generator can't be decorated."""

    async def stream() -> Any:
        yield 1

    for target, why in ((int, "no function"), ("x", "no function"), (stream, "async generator")):
        with pytest.raises(ConfigurationError, match=why):
            emit_event("x")(target)  # type: ignore[arg-type]
