"""The app of one variant, as gunicorn loads it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from benchmarks.peers import confluent, handwritten, kafka_python
from benchmarks.shops import NOWHERE, bare, decorated, sending
from flask_kafka_events import KafkaEvents

if TYPE_CHECKING:
    from flask import Flask

#: By their names in the tables; each is made of a broker's address and a directory.
VARIANTS: Final = (
    "no event",
    "confluent",
    "handwritten",
    "kafka-python",
    "taken back",
    "decorated",
    "journal",
    "no broker",
    "journal, no broker",
)

#: Those that goals are about.
WITH_GOALS: Final = ("no event", "confluent", "decorated", "journal", "no broker", "journal, no broker")

#: Those for which it matters which broker it is.
ON_KAFKA: Final = ("no event", "confluent", "handwritten", "kafka-python", "decorated", "journal")

#: What each of ours must have become of its events.
ENDS: Final = {
    "decorated": "delivered",
    "journal": "delivered",
    "no broker": "pending",
    "journal, no broker": "pending",
}

_PEERS: Final = {"confluent": confluent, "handwritten": handwritten, "kafka-python": kafka_python}
_held: Final = ExitStack()


def make() -> Flask:
    """The app that the environment asks for; it lasts as long as its process."""
    name, servers, folder = (os.environ[f"BENCH_{each}"] for each in ("VARIANT", "SERVERS", "FOLDER"))
    if name == "no event":
        return bare()
    if name in _PEERS:
        return sending(_held.enter_context(_PEERS[name](servers)).send)
    settings: dict[str, Any] = {"JOURNAL": folder} if name.startswith("journal") else {}
    if name == "taken back":
        settings["discard"] = True
    app = _held.enter_context(decorated(NOWHERE if name.endswith("no broker") else servers, **settings))
    app.get("/ledger")(lambda: _ledger(app))
    return app


def _ledger(app: Flask) -> dict[str, int]:
    mine = KafkaEvents().for_app(app)
    mine.flush(10)
    stats = mine.stats()
    return {"emitted": stats.emitted, "delivered": stats.delivered, "pending": stats.pending}
