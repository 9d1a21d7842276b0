"""What an app's start costs: the import, and `init_app` where there are many routes."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

from benchmarks.blocks import Variant, take_turns
from benchmarks.peers import TOPIC
from benchmarks.sheets import Sheet
from benchmarks.shops import NOWHERE, asking
from flask_kafka_events import KafkaEvents, emit_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.blocks import Run

_ROUTES: Final = 1_000


def imports(*, rounds: int) -> Sheet:
    """Milliseconds of a new interpreter that imports flask and confluent_kafka, without ours and with it."""
    codes = {
        "flask, confluent_kafka": "import flask, confluent_kafka",
        "with ours": "import flask, confluent_kafka, flask_kafka_events",
    }
    sheet = Sheet(unit="ms", figures={name: [] for name in codes})
    for _ in range(rounds):
        for name, code in codes.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            sheet.figures[name].append(1000 * (time.perf_counter() - began))
    return sheet


def apps(*, rounds: int) -> dict[str, Sheet]:
    """An app of 1,000 routes, from nothing to its first answer: bare, and with an event on each and `init_app`."""
    variants = {"1,000 routes": Variant(_building(_bare)), "decorated": Variant(_building(_decorated))}
    return take_turns(variants, operations=1, rounds=rounds)


def _building(dress: Callable[[Flask, Any, str], Any]) -> Run:
    def run(times: int) -> None:
        for _ in range(times):
            app = Flask("bench")
            for number in range(_ROUTES):
                app.add_url_rule(f"/{number}", str(number), dress(app, _view(), f"bought{number}"))
            app.get("/")(lambda: "sold")
            asking(app)(1)

    return run


def _view() -> Callable[[], str]:
    return lambda: "sold"


def _bare(_app: Flask, view: Callable[[], str], _type: str) -> Callable[[], str]:
    return view


def _decorated(app: Flask, view: Callable[[], str], type: str) -> Callable[[], str]:
    if not app.extensions:
        app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=NOWHERE, KAFKA_EVENTS_TOPIC=TOPIC)
        KafkaEvents(app)
    return emit_event(type, key="player")(view)
