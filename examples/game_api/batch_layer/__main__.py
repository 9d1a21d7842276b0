"""Counts the purchases on a topic by Spark: `make batch-layer`, or `python -m examples.game_api.batch_layer stream`."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from examples.game_api.app import TOPIC
from examples.game_api.batch_layer.environment import ROOT
from examples.game_api.batch_layer.jobs import Job
from examples.game_api.batch_layer.totals import Totals, read_totals

KEPT = ROOT / "build" / "batch_layer"
SHOWN = 20


def main(words: list[str] | None = None) -> None:
    """Count, and print the newest totals."""
    parser = arguments()
    asked = parser.parse_args(words)
    if asked.servers == "embedded":
        parser.error("Spark can't read the embedded broker: name an Apache Kafka by --servers HOST:PORT.")
    results = asked.results or KEPT / f"{asked.mode}.sqlite"
    results.parent.mkdir(parents=True, exist_ok=True)
    print(f"Spark counts the purchases on {asked.topic} at {asked.servers} ({asked.mode})", flush=True)
    job = Job(
        mode=asked.mode, servers=asked.servers, topic=asked.topic, results=results,
        checkpoint=asked.checkpoint or KEPT / "checkpoint", late=asked.late,
    )  # fmt: skip
    try:
        read = job.run()
    except RuntimeError as error:
        sys.exit(str(error))
    print(shown(read_totals(results)))
    print(summary(read))
    print(f"all totals: {results}, table purchases")


def arguments() -> argparse.ArgumentParser:
    """What may be said."""
    parser = argparse.ArgumentParser(prog="make batch-layer", description=__doc__)
    words = parser.add_argument
    words("mode", choices=["batch", "stream"], nargs="?", default="batch",
          help="the whole topic anew, or what came since the last stream; default: batch")  # fmt: skip
    servers = os.environ.get("FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS", "localhost:9092")
    words("--servers", default=servers, help="Kafka's addresses; default: %(default)s")
    words("--topic", default=os.environ.get("FLASK_KAFKA_EVENTS_TOPIC", TOPIC), help="default: %(default)s")
    words(
        "--results", type=Path, help="the SQLite file of the totals; default: build/batch_layer/MODE.sqlite"
    )
    words(
        "--checkpoint",
        type=Path,
        help="where a stream keeps how far it is; default: build/batch_layer/checkpoint",
    )
    words("--late", default="1 day", help="how late an event may come to a stream; default: %(default)s")
    return parser


def shown(totals: Totals) -> str:
    """The newest totals, a line each."""
    newest = sorted(totals.items())[-SHOWN:]
    return "\n".join(
        f"{datetime.fromtimestamp(start, timezone.utc):%Y-%m-%d %H:%M}  {player:20} {type_:18} {count:6,}"
        for (start, player, type_), count in newest
    )


def summary(read: dict[str, int]) -> str:
    """What was read, as a line."""
    return ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in read.items())


if __name__ == "__main__":
    main()
