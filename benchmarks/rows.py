"""What is measured within one process, each against the floor and the peers that take turns with it."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.blocks import Variant, take_turns
from benchmarks.packages import all_packages
from benchmarks.peers import TOPIC, all_peers
from benchmarks.shops import (
    NOWHERE,
    again,
    asking,
    bare,
    calling,
    decorated,
    extended,
    flushing,
    sending,
    undecorated,
)
from flask_kafka_events import KafkaEvents, emit_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.blocks import Run
    from benchmarks.sheets import Sheet

#: How the events of a row may be written.
FORMATS = ("cloudevents-binary", "plain")
THREADS = 64
_TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_event(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """An event in the calling thread, without a request: a decorated function, against what the peers call."""
    with ExitStack() as stack:
        peers = stack.enter_context(all_peers(servers))
        variants = {name: Variant(again(peer.send), peer.settle) for name, peer in peers.items()}
        apps = {"decorated": stack.enter_context(extended(servers))}
        apps.update({name: stack.enter_context(extended(servers, FORMAT=name)) for name in FORMATS})
        variants.update({name: Variant(calling(app), flushing(app)) for name, app in apps.items()})
        return take_turns(variants, operations=operations, rounds=rounds)


def a_request(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """A request, in-process: with no event, with a peer's in the view, and with ours."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        variants = {"no event": Variant(asking(bare()))}
        for name, peer in stack.enter_context(all_peers(servers)).items():
            variants[name] = Variant(asking(sending(peer.send)), peer.settle)
        variants["not decorated"] = Variant(asking(stack.enter_context(undecorated(servers)), "/plain"))
        shops: dict[str, dict[str, Any]] = {
            "decorated": {},
            "3 events": {"events": 3},
            "10 events": {"events": 10},
            "and REQUESTS": {"REQUESTS": True},
            "cloudevents-binary": {"FORMAT": "cloudevents-binary"},
            "plain": {"FORMAT": "plain"},
            "CAPTURE all": {"CAPTURE": ["httppath", "clientip", "useragent", "requestid"]},
            "journal": {"JOURNAL": f"{folder}/process"},
            "journal, power": {"JOURNAL": f"{folder}/power", "JOURNAL_SYNC": "power"},
        }
        for name, how in shops.items():
            app = stack.enter_context(decorated(servers, **how))
            variants[name] = Variant(asking(app), flushing(app))
            if name == "decorated":
                variants["traceparent"] = Variant(asking(app, traceparent=_TRACEPARENT), flushing(app))
        return take_turns(variants, operations=operations, rounds=rounds)


def packages(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """A request of apps that send events by other packages, beside one of ours."""
    with ExitStack() as stack:
        variants = {"no event": Variant(asking(bare()))}
        variants.update(stack.enter_context(all_packages(servers)))
        app = stack.enter_context(decorated(servers))
        variants["decorated"] = Variant(asking(app), flushing(app))
        return take_turns(variants, operations=operations, rounds=rounds)


def growth(servers: str, *, operations: int, rounds: int, waiting: int = 100_000) -> dict[str, Sheet]:
    """A request's cost with nothing else, and with 1,000 routes, 100 `TYPES`, so many events waiting."""
    types = {f"other{number}": {"topic": TOPIC} for number in range(100)}
    with ExitStack() as stack:
        apps = {
            "alone": stack.enter_context(decorated(servers)),
            "1,000 routes": stack.enter_context(decorated(servers)),
            "100 TYPES": stack.enter_context(decorated(servers, TYPES=types)),
        }
        for number in range(999):
            view = emit_event(f"other{number}")(lambda: "x")
            apps["1,000 routes"].add_url_rule(f"/{number}", str(number), view)
        few, many = (stack.enter_context(decorated(NOWHERE)) for _ in range(2))
        mine = KafkaEvents().for_app(many)
        for _ in range(waiting):
            mine.emit("waiting")
        if mine.stats().pending != waiting:
            raise AssertionError("They don't wait.")
        variants = {"no event": Variant(asking(bare()))}
        variants.update({name: Variant(asking(app), flushing(app)) for name, app in apps.items()})
        variants["no broker"] = Variant(asking(few))
        variants["100,000 waiting"] = Variant(asking(many))
        return take_turns(variants, operations=operations, rounds=rounds)


def threads(servers: str, *, operations: int, rounds: int) -> dict[str, Sheet]:
    """A request's cost in one thread, and in 64 that are at it together; only the process's clock sees all of them."""
    with ExitStack() as stack:
        app = stack.enter_context(decorated(servers))
        together = {
            name: stack.enter_context(_in_threads(asking(each), THREADS))
            for name, each in (("no event, 64 threads", bare()), ("64 threads", app))
        }
        variants = {
            "no event": Variant(asking(bare())),
            "no event, 64 threads": Variant(together["no event, 64 threads"]),
            "alone": Variant(asking(app), flushing(app)),
            "64 threads": Variant(together["64 threads"], flushing(app)),
        }
        return take_turns(variants, operations=operations, rounds=rounds)


@contextmanager
def _in_threads(run: Run, count: int) -> Iterator[Run]:
    """The same, from so many threads that live on and begin at the same moment."""
    ready = threading.Barrier(count)
    with ThreadPoolExecutor(count) as pool:

        def work(times: int) -> None:
            ready.wait()
            run(times)

        def run_all(times: int) -> None:
            for done in [pool.submit(work, times // count) for _ in range(count)]:
                done.result()

        yield run_all
