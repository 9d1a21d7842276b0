"""Apps with one route, whoever asks it as a WSGI server does, without a socket, and whoever calls a decorated function."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from benchmarks.peers import TOPIC
from flask_kafka_events import KafkaEvents, current_event, emit_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.blocks import Run


#: An address where nobody listens.
NOWHERE = "127.0.0.1:1"


def bare() -> Flask:
    """A view, and nothing else."""
    app = _app()
    app.get("/")(lambda: "sold")
    return app


def sending(send: Callable[[], object]) -> Flask:
    """A view that sends an event by itself."""
    app = _app()

    @app.get("/")
    def buy() -> str:
        send()
        return "sold"

    return app


@contextmanager
def undecorated(servers: str) -> Iterator[Flask]:
    """A view without an event, in an app whose other route has one."""
    with decorated(servers) as app:
        app.get("/plain")(lambda: "sold")
        asking(app)(1)  # what the first event sets up is there
        yield app


@contextmanager
def decorated(servers: str, *, events: int = 1, discard: bool = False, **settings: Any) -> Iterator[Flask]:
    """A view with a rich event, or several, or one that takes it back."""
    with extended(servers, **settings) as app:
        selling(app, events=events, discard=discard)
        if discard:
            KafkaEvents().for_app(app).emit("opened")
        yield app


def selling(app: Flask, *, events: int = 1, discard: bool = False) -> None:
    """Give an app a view with a rich event, or several."""

    def buy() -> str:
        current_event.update(player="ana", color="red", price=12)
        if discard:
            current_event.discard()
        return "sold"

    view = buy
    for number in range(events):
        view = emit_event(f"bought{number or ''}", key="player" if number == 0 else None)(view)
    app.get("/")(view)


@contextmanager
def extended(
    servers: str, *, factory: Callable[..., Producer] = Producer, **settings: Any
) -> Iterator[Flask]:
    """An app with the extension; afterwards the broker must have what it emitted: a fast way to lose events is no way.

    With `NOWHERE` all of it waits until the end, when it is dropped.
    """
    app = _app()
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=servers, KAFKA_EVENTS_TOPIC=TOPIC)
    app.config.update(KAFKA_EVENTS_PRODUCER={"log_level": 0}, KAFKA_EVENTS_QUEUE_EVENTS=1_000_000)
    app.config.update({f"KAFKA_EVENTS_{name}": value for name, value in settings.items()})
    events = KafkaEvents(app, producer=factory)
    mine = events.for_app(app)
    try:
        yield app
        if servers == NOWHERE:
            return
        flushing(app)()
        if not mine.stats().emitted:
            raise AssertionError("Nothing was emitted.")
    finally:
        mine.close(0 if servers == NOWHERE else 5)


def flushing(app: Flask) -> Callable[[], None]:
    """Wait until the broker has all that the app emitted."""
    mine = KafkaEvents().for_app(app)

    def flush() -> None:
        mine.flush(60)
        stats = mine.stats()
        if stats.emitted + stats.adopted != stats.delivered:
            raise AssertionError(stats)

    return flush


def asking(app: Flask, path: str = "/", **headers: str) -> Run:
    """Ask the app's route, again and again."""
    environ = EnvironBuilder(path, headers=list(headers.items())).get_environ()

    def run(requests: int) -> None:
        for _ in range(requests):
            body, _, _ = run_wsgi_app(app, dict(environ), buffered=True)  # which closes it, as servers do
            if b"".join(body) != b"sold":
                raise AssertionError(body)

    return run


def again(send: Callable[[], object]) -> Run:
    """Send, again and again."""

    def run(times: int) -> None:
        for _ in range(times):
            send()

    return run


def calling(app: Flask) -> Run:
    """Call a decorated function, outside a request, again and again."""

    @emit_event("bought", key="player")
    def buy() -> None:
        current_event.update(player="ana", color="red", price=12)

    def run(times: int) -> None:
        with app.app_context():
            for _ in range(times):
                buy()

    return run


def _app() -> Flask:
    app = Flask("bench")
    app.logger.setLevel(logging.CRITICAL)
    return app
