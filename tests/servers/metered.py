"""The app that the servers serve, with its metrics, and gunicorn's hook, as docs/reference/metrics.md has them."""

import os

from flask import Flask
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

from flask_kafka_events import KafkaEvents, current_event, emit_event
from flask_kafka_events.contrib.prometheus import export_metrics
from tests.scrapes import as_ledger
from tests.servers import served


def create_app() -> Flask:
    """Every way in which an event may end, the metrics of all workers, and each worker's own ledger."""
    app = served.create_app()
    app.config["KAFKA_EVENTS_STRICT"] = False
    export_metrics(app)
    mine = KafkaEvents().for_app(app)

    @app.get("/refuse")
    @emit_event("refused", on="error")
    def refuse() -> str:
        return "it wasn't"

    @app.get("/discard")
    @emit_event("discarded")
    def discard() -> str:
        current_event.discard()
        return "never mind"

    @app.get("/spoil")
    @emit_event("spoilt")
    def spoil() -> str:
        current_event["price"] = float("nan")
        return "sold"

    @app.get("/user/<name>")
    def emit_what_users_send(name: str) -> str:
        mine.emit(f"visited.{name}")
        return "hello"

    @app.get("/flush")
    def flush() -> str:
        return str(mine.flush(10))

    @app.get("/ledger")
    def ledger() -> dict[str, object]:
        return {"pid": os.getpid(), **as_ledger(mine.stats())}

    @app.get("/metrics")
    def metrics() -> tuple[bytes, dict[str, str]]:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), {"Content-Type": CONTENT_TYPE_LATEST}

    return app
