"""The app under fault: its events carry the request's number, and it tells its ledger."""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import KafkaEvents, current_event, emit_event
from flask_kafka_events.embedded.cluster import librdkafka_path

OTHER_TYPE = "sold"
STOCKING_PLAYERS = 100
SERVER_THREADS = 8

built: list[Producer] = []
meeting = threading.Barrier(SERVER_THREADS)


def build(config: dict[str, Any], **more: Any) -> Producer:
    """A producer that `break_fatally` can find; only the last one is kept."""
    built[:] = [Producer(config, **more)]
    return built[0]


def credentials() -> tuple[str, str]:
    """User and password as they stand in a file now."""
    user, password = Path(os.environ["FAULTS_CREDENTIALS"]).read_text().split()
    return user, password


def create_app() -> Flask:
    """An app with its settings from the environment."""
    app = Flask("shop")
    app.config.from_prefixed_env()
    if "FAULTS_CREDENTIALS" in os.environ:
        app.config["KAFKA_EVENTS_CREDENTIALS"] = credentials
    events = KafkaEvents(producer=build)
    events.init_app(app)

    @app.post("/buy/<player>/<int:number>")
    @emit_event("bought", key="player")
    def buy(player: str, number: int) -> str:
        current_event.update(player=player, number=number, worker=os.getpid())
        return "bought"

    @app.post("/sell/<player>/<int:number>")
    @emit_event(OTHER_TYPE, key="player")
    def sell(player: str, number: int) -> str:
        current_event.update(player=player, number=number, worker=os.getpid())
        return "sold"

    @app.post("/stock/<int:first>/<int:count>")
    def stock(first: int, count: int) -> str:
        for number in range(first, first + count):
            player = f"player-{number % STOCKING_PLAYERS}"
            data = {"player": player, "number": number, "worker": os.getpid()}
            events.emit("stocked", data, key=player)
        return "stocked"

    @app.get("/stats")
    def stats() -> dict[str, Any]:
        now = events.stats()
        return {
            "worker": os.getpid(),
            "emitted": now.emitted,
            "adopted": now.adopted,
            "delivered": now.delivered,
            "failed": dict(now.failed_by_reason),
            "dropped": dict(now.dropped_by_reason),
            "dead": now.dead,
            "pending": now.pending,
        }

    app.post("/break")(break_fatally)
    app.get("/meet")(meet)
    return app


def meet() -> str:
    """Hold a thread until all of the server's are held: it makes them only as it needs them."""
    with suppress(threading.BrokenBarrierError):
        meeting.wait(2)
    return "met"


def break_fatally() -> str:
    """Break the last producer with librdkafka's own test call, where there is one by now."""
    if not built:
        return "nothing to break"
    library = ctypes.CDLL(librdkafka_path())
    handle = ctypes.c_void_p.from_address(
        id(built[0]) + 16
    ).value  # behind the header of confluent_kafka's object
    library.rd_kafka_test_fatal_error.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    assert library.rd_kafka_test_fatal_error(handle, 47, b"test") == 0
    return "broken"
