"""`make same-totals ARGS="--events 100000"`: the same events through every layer, on an Apache Kafka of its own."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.examples.same_totals.comparison import differences, table
from tests.examples.same_totals.killing import MOMENTS
from tests.examples.same_totals.trial import Trial, run
from tests.kafka.apache_kafka import ApacheKafka
from tests.kafka.jars import kafka_jars


def main() -> int:
    """Run one trial and print what each layer counted; 1 where they differ."""
    parser = argparse.ArgumentParser(prog="make same-totals", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="how many; default: %(default)s")
    parser.add_argument("--workers", type=int, default=4, help="processes that emit; default: %(default)s")
    parser.add_argument("--kills", type=int, default=3, help="kill -9 of the stream; default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of the story; default: %(default)s")
    asked = parser.parse_args()
    kills = tuple((MOMENTS[number % len(MOMENTS)], 2 * number + 1) for number in range(asked.kills))
    with tempfile.TemporaryDirectory(prefix="same-totals") as folder:
        kafka = ApacheKafka(jars=kafka_jars(), directory=Path(folder))
        kafka.write_settings()
        kafka.format()
        kafka.start()
        try:
            trial = Trial(
                kafka=kafka, folder=Path(folder), topic="game_users_events", events=asked.events,
                workers=asked.workers, seed=asked.seed, kills=kills, bites=2 * asked.kills + 2,
            )  # fmt: skip
            outcome = run(trial, say)
        finally:
            kafka.stop()
    say(table(outcome.layers))
    say(
        f"delivered {sum(each['delivered'] for each in outcome.ledgers):,}, read {outcome.reference.records:,}"
    )
    return int(bool(differences(outcome.layers)))


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
