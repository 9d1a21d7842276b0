"""The app that the servers serve."""

import os
import time

from asgiref.wsgi import WsgiToAsgi
from flask import Flask

from flask_kafka_events import KafkaEvents, current_event, emit_event

TOPIC = "served"

events = KafkaEvents()


def create_app(name: str = TOPIC) -> Flask:
    """An app that batches for a minute: what isn't flushed at the exit is lost, and the test sees it.

    Its topic is called like itself.
    """
    app = Flask(name)
    app.config["KAFKA_EVENTS_BOOTSTRAP_SERVERS"] = os.environ["SERVED_BROKER"]
    app.config["KAFKA_EVENTS_TOPIC"] = name
    app.config["KAFKA_EVENTS_PRODUCER"] = {"linger.ms": int(os.environ.get("SERVED_LINGER_MS", "60000"))}
    app.config["KAFKA_EVENTS_CLOSE_SECONDS"] = float(os.environ.get("SERVED_CLOSE_SECONDS", "5"))
    if "SERVED_JOURNAL" in os.environ:
        app.config["KAFKA_EVENTS_JOURNAL"] = os.environ["SERVED_JOURNAL"]
    events.init_app(app)
    if "SERVED_EMITS_BEFORE_FORK" in os.environ:
        events.for_app(app).emit("started")

    @app.get("/buy")
    @emit_event("bought")
    def buy() -> str:
        return "sold"

    @app.get("/buy/<int:number>")
    @emit_event("bought")
    def buy_this(number: int) -> str:
        current_event["number"] = number
        return str(os.getpid())

    @app.get("/pid")
    def pid() -> str:
        return str(os.getpid())

    @app.get("/hang")
    def hang() -> str:
        time.sleep(60)
        return "nobody waits so long"

    @app.cli.command("restock")
    def restock() -> None:
        events.emit("restocked")

    return app


def create_asgi() -> WsgiToAsgi:
    """The same for a server that speaks ASGI."""
    return WsgiToAsgi(create_app())  # type: ignore[no-untyped-call]
