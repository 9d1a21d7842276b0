"""The ledgers of all workers as one sum, read from the metrics that they share."""

import struct
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector

_PREFIX: Final = "flask_kafka_events_"
_MADE_WITHIN: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What became of the events of several processes.

    Attributes:
        emitted: what the game was asked to send.
        adopted: what was taken over from the journals of dead processes.
        delivered: what the broker acknowledged.
        losses: what met another end, by this end and its reason: `"dropped: queue_full"`.
    """

    emitted: int
    adopted: int
    delivered: int
    losses: Mapping[str, int]

    @property
    def undecided(self) -> int:
        """What waits, or died with a process in whose memory it waited."""
        return self.emitted + self.adopted - self.delivered - sum(self.losses.values())

    def __str__(self) -> str:
        adopted = f" + adopted {self.adopted:,}" if self.adopted else ""
        losses = "".join(f" + {loss} {number:,}" for loss, number in sorted(self.losses.items()))
        return (
            f"emitted {self.emitted:,}{adopted} = delivered {self.delivered:,}{losses}"
            f" + undecided {self.undecided:,}"
        )


def read_ledger(metrics: Path) -> Ledger:
    """The sum over all processes that share this directory, those that ended too."""
    sums: Counter[str] = Counter()
    losses: Counter[str] = Counter()
    for family in _collected(metrics):
        for sample in family.samples:
            name = sample.name.removeprefix(_PREFIX)
            outcome = sample.labels.get("outcome", "delivered")
            if name == "outcomes_total" and outcome != "delivered":
                losses[f"{outcome}: {sample.labels['reason']}"] += int(sample.value)
            elif name in {"emitted_total", "adopted_total", "outcomes_total"}:
                sums[name] += int(sample.value)
    return Ledger(
        emitted=sums["emitted_total"],
        adopted=sums["adopted_total"],
        delivered=sums["outcomes_total"],
        losses={loss: number for loss, number in losses.items() if number},
    )


def _collected(metrics: Path) -> list[Metric]:
    collector = MultiProcessCollector(None, path=str(metrics))  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + _MADE_WITHIN
    while True:
        try:
            return list(collector.collect())  # type: ignore[no-untyped-call]
        except struct.error:  # a process has just made a file, which is empty for an instant
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
