"""Several apps in one process, contexts in contexts, and an app that doesn't notice us."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import (
    Flask,
    Response,
    appcontext_popped,
    appcontext_pushed,
    copy_current_request_context,
    got_request_exception,
    jsonify,
    request_finished,
    request_started,
    request_tearing_down,
    session,
)
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from flask_kafka_events import emit_event
from tests.sending import Shop, shop


@pytest.fixture
def two() -> Iterator[tuple[Shop, Shop]]:
    """Two apps with their extensions."""
    with shop("one") as one, shop("two") as other:
        yield one, other


def test_dispatched_apps_do_not_mix(two: tuple[Shop, Shop]) -> None:
    """Each app under a dispatcher gets the events of its own requests."""
    one, other = two
    for each in two:
        each.app.get("/x")(emit_event(f"of_{each.app.name}")(lambda: ""))
    client = Client(DispatcherMiddleware(one.app, {"/other": other.app}), Response)
    client.get("/x")
    client.get("/other/x")
    assert (one.types(), other.types()) == (["of_one"], ["of_two"])


def test_request_inside_a_request_is_its_own(two: tuple[Shop, Shop]) -> None:
    """A view that asks another app in-process fails without taking that app's event with it."""
    one, other = two
    other.app.get("/inner")(emit_event("inner")(lambda: "ok"))

    @one.app.get("/outer")
    @emit_event("outer")
    def outer() -> tuple[str, int]:
        return other.app.test_client().get("/inner").text, 400

    one.app.test_client().get("/outer")
    assert (one.types(), other.types()) == ([], ["inner"])


def test_function_in_another_apps_context_is_that_apps(two: tuple[Shop, Shop]) -> None:
    """Under the other app's pushed context an event is the other's, and waits for no request."""
    one, other = two
    work = emit_event("worked")(lambda: None)

    @one.app.get("/")
    def view() -> tuple[str, int]:
        with other.app.app_context():
            work()
        return "", 400

    one.app.test_client().get("/")
    assert (one.types(), other.types()) == ([], ["worked"])


def test_thread_that_outlives_its_request_is_on_its_own(two: tuple[Shop, Shop]) -> None:
    """A decorated function in a copied context emits by itself once the request is decided."""
    one, _ = two
    work = emit_event("worked")(lambda: None)
    answered = threading.Event()
    threads: list[threading.Thread] = []

    @one.app.get("/")
    def view() -> str:
        @copy_current_request_context
        def later() -> None:
            assert answered.wait(10)
            work()

        work()
        threads.append(threading.Thread(target=later))
        threads[0].start()
        return ""

    one.app.test_client().get("/")
    answered.set()
    threads[0].join()
    assert one.types() == ["worked", "worked"]


def build(app: Flask) -> None:
    """Routes with a session, an error handler, hooks, an exception and a header."""
    app.secret_key = "x"

    @app.before_request
    def before() -> None:
        session["n"] = session.get("n", 0) + 1

    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-After"] = "1"
        return response

    @app.errorhandler(404)
    def missing(_: Exception) -> tuple[Response, int]:
        return jsonify(error="missing"), 404

    def count() -> str:
        return str(session["n"])

    decorated = emit_event("counted")(count) if "kafka_events" in app.extensions else count
    app.add_url_rule("/count", view_func=decorated)

    @app.get("/bug")
    def bug() -> str:
        raise ValueError


def story(app: Flask) -> list[Any]:
    """What a client sees of the app, and which signals come in which order."""
    seen: list[Any] = []
    signals = (
        request_started, request_finished, got_request_exception, request_tearing_down, appcontext_pushed,
        appcontext_popped,
    )  # fmt: skip
    with ExitStack() as connected:
        for signal in signals:

            def note(_: Flask, name: str = signal.name, **__: Any) -> None:
                seen.append(name)

            connected.enter_context(signal.connected_to(note, sender=app))
        client = app.test_client()
        for method, path in (
            ("GET", "/count"),
            ("GET", "/count"),
            ("HEAD", "/count"),
            ("GET", "/none"),
            ("GET", "/bug"),
            ("OPTIONS", "/count"),
            ("POST", "/count"),
        ):
            answer = client.open(path, method=method)
            headers = sorted((name, value) for name, value in answer.headers if name != "Set-Cookie")
            seen.append((method, path, answer.status, headers, answer.data, len(answer.headers)))
    return seen


def test_app_does_not_notice_us() -> None:
    """Answers, headers, sessions, errors, signals and their order are the same, decorated and with REQUESTS on."""
    plain = Flask("shop")
    plain.config["PROPAGATE_EXCEPTIONS"] = False
    build(plain)
    with shop(testing=False, REQUESTS=True) as here:
        build(here.app)
        assert story(here.app) == story(plain)
        assert sorted(set(here.types())) == ["counted", "http.request"]
