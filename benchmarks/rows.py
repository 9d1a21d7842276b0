"""What is measured within one process, each against the floor and the peers that take turns with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from benchmarks.blocks import take_turns
from benchmarks.peers import TOPIC, all_peers
from benchmarks.sheets import Sheet
from benchmarks.shops import NOWHERE, asking, bare, decorated, extended, sending, undecorated
from flask_kafka_events import current_event, emit_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from benchmarks.blocks import Run

#: How the events of a row may be written.
FORMATS = ("cloudevents-binary", "plain")


def an_event(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """An event in the calling thread, without a request: a decorated function, against what the peers call."""
    with ExitStack() as stack:
        variants = {name: _again(send) for name, send in stack.enter_context(all_peers(servers)).items()}
        variants["decorated"] = calling(stack.enter_context(extended(servers)))
        for name in FORMATS:
            variants[name] = calling(stack.enter_context(extended(servers, FORMAT=name)))
        return take_turns(variants, operations=operations, rounds=rounds)


def a_request(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """A request, in-process: with no event, with a peer's in the view, and with ours."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        variants = {"no event": asking(bare())}
        for name, send in stack.enter_context(all_peers(servers)).items():
            variants[name] = asking(sending(send))
        variants["not decorated"] = asking(stack.enter_context(undecorated(servers)), "/plain")
        shops: dict[str, dict[str, Any]] = {
            "decorated": {},
            "3 events": {"events": 3},
            "10 events": {"events": 10},
            "and REQUESTS": {"REQUESTS": True},
            "CAPTURE all": {"CAPTURE": ["httppath", "clientip", "useragent", "requestid"]},
            "journal": {"JOURNAL": f"{folder}/process"},
            "journal, power": {"JOURNAL": f"{folder}/power", "JOURNAL_SYNC": "power"},
        }
        for name, how in shops.items():
            variants[name] = asking(stack.enter_context(decorated(servers, **how)))
        return take_turns(variants, operations=operations, rounds=rounds)


def growth(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """A request's cost with nothing else, and with 1,000 routes, 100 `TYPES`, 100,000 events waiting, 64 threads."""
    types = {f"other{number}": {"topic": TOPIC} for number in range(100)}
    with ExitStack() as stack:
        one = stack.enter_context(decorated(servers))
        many = stack.enter_context(decorated(servers))
        for number in range(999):
            many.add_url_rule(f"/{number}", str(number), emit_event(f"other{number}")(lambda: "x"))
        typed = stack.enter_context(decorated(servers, TYPES=types))
        few, waiting = (stack.enter_context(decorated(NOWHERE)) for _ in range(2))
        asking(waiting)(100_000)
        variants = {
            "no event": asking(bare()),
            "no event, 64 threads": _in_threads(asking(bare()), 64),
            "alone": asking(one),
            "1,000 routes": asking(many),
            "100 TYPES": asking(typed),
            "no broker": asking(few),
            "100,000 waiting": asking(waiting),
            "64 threads": _in_threads(asking(one), 64),
        }
        return take_turns(variants, operations=operations, rounds=rounds)


def imports(*, rounds: int) -> Sheet:
    """Seconds of a new interpreter that imports flask and confluent_kafka, without ours and with it."""
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


def _again(send: Callable[[], object]) -> Run:
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


def _in_threads(run: Run, threads: int) -> Run:
    """The same, from so many threads that take turns: what their number alone costs."""

    def run_all(times: int) -> None:
        pool = [threading.Thread(target=run, args=(times // threads,)) for _ in range(threads)]
        for each in pool:
            each.start()
        for each in pool:
            each.join()

    return run_all
