"""What a request costs with the broker there, and with no broker at all: `python -m benchmarks.absent_broker`.

Blocks of requests to one view, bare and decorated, take turns in one process (WSGI, no socket), so that the machine's
drift meets all of them alike. Each figure is a block's mean; shown are their minimum, median and maximum.
"""

import logging
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_kafka_events import KafkaEvents, current_event, emit_event
from flask_kafka_events.embedded import join

REQUESTS = 1000
BLOCKS = 15


def bare(_: Flask) -> Callable[[], str]:
    """A view without an event."""
    return lambda: "sold"


def decorated(app: Flask, servers: str) -> Callable[[], str]:
    """A view whose event goes to these servers."""
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=servers, KAFKA_EVENTS_TOPIC="bench")
    app.config["KAFKA_EVENTS_PRODUCER"] = {"log_level": 0}
    KafkaEvents(app)

    @emit_event("bought", key="player")
    def buy() -> str:
        current_event.update(player="ana", color="red", price=12)
        return "sold"

    return buy


def requester(view: Callable[[Flask], Callable[[], str]]) -> tuple[Flask, Callable[[], None]]:
    """An app with that view, and a function that asks it once, as a WSGI server does."""
    app = Flask("bench")
    app.logger.setLevel(logging.CRITICAL)
    app.get("/")(view(app))
    environ = EnvironBuilder("/").get_environ()

    def ask() -> None:
        body, status, _ = run_wsgi_app(app, dict(environ))
        assert status == "200 OK"
        assert b"".join(body) == b"sold"

    return app, ask


def block(ask: Callable[[], None]) -> float:
    """Microseconds a request, the mean of a block."""
    started = time.perf_counter()
    for _ in range(REQUESTS):
        ask()
    return (time.perf_counter() - started) / REQUESTS * 1e6


def main() -> None:
    """Print the table."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder, join(Path(folder), linger=0.5) as lease:
        lease.create_topic("bench")
        apps = {
            "no event": requester(bare),
            "event, broker there": requester(lambda app: decorated(app, lease.address)),
            "event, no broker": requester(lambda app: decorated(app, nowhere)),
        }
        times: dict[str, list[float]] = {name: [] for name in apps}
        for _ in range(BLOCKS):
            for name, (_, ask) in apps.items():
                times[name].append(block(ask))
        floor = statistics.median(times["no event"])
        print(f"{'µs a request':22}{'min':>8}{'median':>8}{'max':>8}{'ratio':>8}")
        for name, each in times.items():
            middle = statistics.median(each)
            print(f"{name:22}{min(each):8.1f}{middle:8.1f}{max(each):8.1f}{middle / floor:8.2f}")
        for name, (app, _) in list(apps.items())[1:]:
            events = KafkaEvents().for_app(app)
            events.flush(10 if "there" in name else 0.1)
            stats = events.stats()
            print(f"{name}: {stats.delivered} delivered, {stats.pending} pending of {stats.emitted}")
            events.close(0)


if __name__ == "__main__":
    main()
