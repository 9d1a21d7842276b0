"""`python -m tests.examples.speed_kills`: members of the speed layer are killed with -9 at random; the totals stay exact."""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.examples.speed_ledger import Ledger
from tests.examples.speed_member import SpeedLayer, make_environment, pause, speed_layer
from tests.kafka.apache_kafka import ApacheKafka
from tests.kafka.jars import kafka_jars

#: What is fed before each kill takes a member about a second; it begins 3 s after its start.
RECORDS: Final = 1_500
LONGEST_LIFE_SECONDS: Final = 5.0
LONGEST_WORK_SECONDS: Final = 1.0


def kill_at_random(layer: SpeedLayer, *, times: int, members: int) -> None:
    """Feed, let the members live for a while that chance chooses, kill one with -9, put another in its place.

    Every second time that while begins when they are at work, so that not only starts and rebalances are hit.
    """
    chance = random.Random(layer.ledger.seed)
    for _ in range(members):
        layer.start()
    for turn in range(1, times + 1):
        before = sum(layer.kinds().values())
        layer.ledger.feed(RECORDS)
        if turn % 2:
            life = chance.uniform(0.1, LONGEST_LIFE_SECONDS)
        else:
            layer.await_more_than(before)
            life = chance.uniform(0, LONGEST_WORK_SECONDS)
        pause(life)
        layer.kill(chance.choice(layer.members))
        layer.check_whole()
        committed = layer.committed()  # before what is written, for the others go on
        again = layer.written() - committed
        done = sum(layer.kinds().values())
        _say(
            f"kill {turn:2} of {times} after {life:.2f} s: {done:6,} counted, {again:4,} of them to be read again"
        )
        layer.start()
    layer.ledger.feed(RECORDS)
    layer.await_everything()


def main() -> int:
    """Run it on a Kafka of its own and print what was counted; an error where it is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.examples.speed_kills", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="how many kills (20)")
    parser.add_argument("--members", type=int, default=2, help="how many members share the work (2)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what chance goes by")
    wanted = parser.parse_args()
    _say(f"seed {wanted.seed}")
    make_environment()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apache-kafka0") as folder:
        broker = ApacheKafka(jars=kafka_jars(), directory=Path(folder))
        broker.write_settings()
        broker.format()
        broker.start()
        try:
            broker.create_topic("game", partitions=6)
            ledger = Ledger(bootstrap=broker.bootstrap, topic="game", seed=wanted.seed)
            with speed_layer(ledger, Path(folder)) as layer:
                kill_at_random(layer, times=wanted.times, members=wanted.members)
                layer.check_exact()
        finally:
            broker.stop()
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(ledger.kinds.items()))
    _say(f"{ledger.records:,} records: {kinds}")
    _say(f"{len(ledger.totals):,} totals and {len(ledger.alerts):,} alerts, exact after {wanted.times} kills")
    _say(f"seed {wanted.seed}, {time.monotonic() - began:.0f} s")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
