"""The speed layer over what was played: a member that is killed, and the one that goes on in its place."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer

from tests.examples.speed_ledger import Ledger
from tests.examples.speed_member import SpeedLayer, make_environment, speed_layer
from tests.faults.reading import ends_of
from tests.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from examples.game_api.batch_layer.totals import Totals

#: As much as the story's latest, and the streams beside it, have.
LATE_SECONDS: Final = 3600
#: A member counts ten times as many on two idle cores.
SLOWEST_PER_SECOND: Final = 300


def counted_by_speed_layer(folder: Path, bootstrap: str, topic: str) -> Totals:
    """What it has counted of a topic that nobody writes to any more."""
    make_environment()
    with closing(Consumer({"bootstrap.servers": bootstrap, "group.id": "ends"})) as consumer:
        ends = ends_of(consumer, topic)
    records = sum(ends.values())
    ledger = Ledger(bootstrap=bootstrap, topic=topic, seed=0)
    with speed_layer(ledger, folder, late_seconds=LATE_SECONDS, commit_seconds=0.5) as layer:
        member = layer.start()
        wait_until(
            lambda: layer.written() > records // 4,
            "a part is counted",
            seconds=60 + records / SLOWEST_PER_SECOND,
        )
        layer.kill(member)
        layer.start()
        wait_until(lambda: has_all(layer, ends), "all is counted", seconds=60 + records / SLOWEST_PER_SECOND)
        layer.check_whole()
        return {
            (int(datetime.fromisoformat(start).timestamp()), player, type_): purchases
            for (start, player, type_), purchases in layer.totals().items()
        }


def has_all(layer: SpeedLayer, ends: dict[int, int]) -> bool:
    """Whether each partition was counted up to there; its own alerts come behind."""
    done = dict(layer.rows("SELECT part, next_offset FROM progress"))
    return all(done.get(partition, 0) >= end for partition, end in ends.items())
