"""What `flask kafka-events doctor` lists of the routes, and how it prints its findings."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from unittest.mock import MagicMock

from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo
from flask.views import MethodView, View

from flask_kafka_events import emit_event
from flask_kafka_events.cli import kafka_events
from tests.unit.diagnosis import diagnosed, found, good_app, said
from tests.unit.test_doctor import decorator_above_login, decorator_above_route, login_required


def routes(make: Callable[[], Flask]) -> dict[str, Any]:
    """Each listed route by its endpoint."""
    return {each["endpoint"]: each for each in diagnosed(make, "--offline")["routes"]}


def types(route: dict[str, Any]) -> list[str]:
    """Its events' types."""
    return [event["type"] for event in route["events"]]


def with_views() -> Flask:
    """An app with class-based views."""
    app = good_app()

    class Player(MethodView):
        decorators = [login_required]  # noqa: RUF012 - as Flask's documentation has it

        @emit_event("seen")
        def get(self) -> str:
            return "seen"

        @emit_event("renamed")
        @login_required
        def post(self) -> str:
            return "renamed"

        def put(self) -> str:
            return "put"

    class Guild(View):
        decorators = [emit_event("joined")]  # noqa: RUF012 - as above

        def dispatch_request(self) -> str:
            return "joined"

    app.add_url_rule("/player", view_func=Player.as_view("player"))
    app.add_url_rule("/guild", view_func=Guild.as_view("guild"))
    return app


def test_class_based_views_are_listed() -> None:
    """The events of a MethodView's methods and of a View's decorators, each with the place of its function."""
    listed = routes(with_views)
    assert types(listed["player"]) == ["seen", "renamed"]
    assert listed["player"]["methods"] == ["GET", "HEAD", "OPTIONS", "POST", "PUT"]
    assert types(listed["guild"]) == ["joined"]
    assert "class " in listed["guild"]["events"][0]["place"]
    (finding,) = diagnosed(with_views, "--offline")["findings"]
    assert finding["check"] == "decorator-above-wrapper"
    assert "'renamed'" in finding["problem"]


def with_odd_views() -> Flask:
    """An app with views that are no functions, or say that they wrap themselves."""
    app = good_app()

    def of_itself() -> str:
        return "fine"

    of_itself.__wrapped__ = of_itself  # type: ignore[attr-defined]
    app.add_url_rule("/itself", "itself", of_itself)
    app.add_url_rule("/mock", "mock", MagicMock(return_value="fine"))
    return app


def test_odd_views_harm_neither_the_list_nor_the_first_request() -> None:
    """A mock has every attribute, `view_class` too; a function that wraps itself has no innermost one."""
    assert list(routes(with_odd_views)) == ["buy"]
    assert with_odd_views().test_client().get("/itself").text == "fine"


def test_what_no_broker_and_no_server_has_is_told() -> None:
    """A wait that librdkafka takes for none, and more workers than a machine can have."""
    for words in (("--wait", "inf"), ("--wait", "nan"), ("--wait", "3601"), ("--workers", "9" * 400)):
        result = CliRunner().invoke(kafka_events, ["doctor", *words], obj=ScriptInfo(create_app=good_app))
        assert (result.exit_code, type(result.exception)) == (2, SystemExit)
        assert f"Invalid value for '{words[0]}'" in result.output


def test_event_is_listed_as_it_is_sent() -> None:
    """KAFKA_EVENTS_TYPES goes before the decorator, and that before the settings; callables are no text."""

    def make() -> Flask:
        app = good_app(TYPES={"bought": {"topic": "sales", "key": "guild", "format": "plain"}})
        kept = emit_event("kept", key=lambda data: data["id"], topic="own", on=lambda _: True, at="close")
        app.get("/keep")(kept(lambda: "kept"))
        return app

    listed = routes(make)
    (bought,), (kept,) = listed["buy"]["events"], listed["<lambda>"]["events"]
    assert (bought["topic"], bought["key"], bought["format"]) == ("sales", "guild", "plain")
    assert (bought["on"], bought["at"], bought["is_sent"]) == ("success", "response", True)
    assert (kept["topic"], kept["key"], kept["on"], kept["at"]) == (
        "own",
        "(a function)",
        "(a function)",
        "close",
    )


def test_one_function_with_several_events_is_one_route() -> None:
    """Decorators of ours are no wrappers that answer by themselves, and one function may serve two routes."""

    def make() -> Flask:
        app = good_app()

        def view() -> str:
            return "x"

        app.get("/two", endpoint="two")(emit_event("first")(emit_event("second")(view)))
        app.get("/one", endpoint="one")(login_required(emit_event("third")(view)))
        app.route("/seen", methods=["HEAD"])(emit_event("seen", on=lambda _: True)(lambda: "seen"))
        return app

    assert found(make, "--offline") == []
    listed = routes(make)
    assert types(listed["two"]) == ["first", "second"]
    assert types(listed["one"]) == ["third"]


def test_wrapper_without_code_is_named_by_its_type() -> None:
    """A cache that C wrote has neither a file nor a line."""

    def make() -> Flask:
        app = good_app()
        cached: Any = lru_cache(lambda: "sold")
        app.get("/sell", endpoint="sell")(emit_event("sold")(cached))
        return app

    (finding,) = diagnosed(make, "--offline")["findings"]
    assert "stands above _lru_cache_wrapper" in finding["problem"]


def test_route_that_is_not_called_is_listed_so() -> None:
    """Its event is told, and that Flask never calls the decorator."""
    sell = routes(decorator_above_route)["sell"]
    assert (sell["is_called"], types(sell)) == (False, ["sold"])
    assert sell["rules"] == ["/sell"]


def test_report_is_one_object_of_a_stable_shape() -> None:
    """Programs rely on these names; more may come, none goes."""
    report = diagnosed(decorator_above_route, "--offline")
    assert set(report) == {"app", "broker_asked", "routes", "findings", "errors", "warnings", "notes"}
    assert (report["app"], report["broker_asked"], report["errors"]) == ("shop", False, 1)
    assert set(report["routes"][0]) == {"endpoint", "rules", "methods", "is_called", "events"}
    assert set(report["routes"][0]["events"][0]) == {
        "type", "topic", "key", "format", "on", "at", "is_sent", "place", "passed_over",
    }  # fmt: skip
    assert set(report["findings"][0]) == {"check", "severity", "problem", "where", "next_step"}


def test_strict_makes_warnings_count() -> None:
    """A warning is status 0, and 1 with --strict; notes are never more than notes."""
    said(decorator_above_login, "--offline")
    said(decorator_above_login, "--offline", "--strict", status=1)
    embedded = lambda: good_app(BOOTSTRAP_SERVERS="embedded")  # noqa: E731 - one line says it
    assert said(embedded, "--offline", "--strict").endswith("1 note. The broker was not asked.\n")


def test_report_is_coloured_on_a_terminal_alone() -> None:
    """The words are the same with and without, and no control character of the app's own comes through."""

    def make() -> Flask:
        app = decorator_above_route()
        app.get("/sell\x1b[31m", endpoint="\x1b[31m")(emit_event("red")(lambda: "red"))
        return app

    info = ScriptInfo(create_app=make)
    coloured = CliRunner().invoke(kafka_events, ["doctor", "--offline"], obj=info, color=True).stdout
    plain = said(make, "--offline", status=1)
    assert "\x1b[31m\x1b[1merror\x1b[0m  decorator-above-route" in coloured
    assert "\x1b" not in plain
    assert "/sell\\x1b[31m" in plain
    assert len(coloured.splitlines()) == len(plain.splitlines())


def test_report_begins_with_the_routes_and_ends_with_the_count() -> None:
    """The worst finding comes first."""

    def make() -> Flask:
        app = decorator_above_login()
        emit_event("lost")(app.get("/lose", endpoint="lose")(lambda: "lost"))
        return app

    lines = said(make, "--offline", status=1).splitlines()
    assert lines[0].split() == [
        "POST",
        "/buy",
        "bought",
        "on",
        "success",
        "topic",
        "shop_events",
        "key",
        "player",
    ]
    assert [line.split()[1] for line in lines if line.startswith(("error", "warning"))] == [
        "decorator-above-route",
        "decorator-above-wrapper",
    ]
    assert lines[-1] == "1 error, 1 warning. The broker was not asked."
    assert json.dumps(lines).count("-> Move it below every other decorator") == 2
