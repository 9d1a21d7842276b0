"""The cluster that all rows share, whole again after each."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.faults import broker_faults, rights_faults, topic_faults, worker_faults
from tests.faults.account import Outcome
from tests.faults.rows import ROWS, Row
from tests.faults.subject import Subject
from tests.faults.trial import Trial
from tests.kafka.cluster import KafkaCluster
from tests.kafka.jars import kafka_jars

if TYPE_CHECKING:
    from pathlib import Path

# Importing these modules adds their rows.
ALL_ROWS: Final = tuple(ROWS)
SOURCES: Final = (broker_faults, topic_faults, rights_faults, worker_faults)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where rows run one after the other.

    Attributes:
        cluster: three brokers.
        folder: for logs and journals.
        modes: the columns.
    """

    cluster: KafkaCluster
    folder: Path
    modes: tuple[str, ...]

    def run(self, row: Row) -> list[Outcome]:
        """One row's outcomes; what fails on the way is the verdict of each."""
        with self.trial(row.name, self.modes) as trial:
            try:
                row.run(trial)
            except Exception as error:  # noqa: BLE001 - the other rows are still of interest
                traceback.print_exc()
                return [_failed(trial, subject.mode, error) for subject in trial.subjects]
            return trial.outcomes

    @contextmanager
    def trial(self, name: str, modes: tuple[str, ...]) -> Iterator[Trial]:
        """Apps that may be harmed, and a cluster that is whole again afterwards."""
        trial = Trial(name=name, cluster=self.cluster, folder=self.folder, modes=modes)
        try:
            yield trial
        finally:
            trial.for_each(Subject.kill)
            self._restore()

    def _restore(self) -> None:
        for proxy in self.cluster.proxies.values():
            proxy.recover()
        self.cluster.start()


def _failed(trial: Trial, mode: str, error: Exception) -> Outcome:
    figures = dict.fromkeys(
        ("sent", "answered", "delivered", "lost", "accounted", "duplicates", "order_breaks", "worst_ms"), 0
    )
    return Outcome(fault=trial.name, mode=mode, verdict=f"{type(error).__name__}: {error}", **figures)


@contextmanager
def staged(folder: Path, modes: tuple[str, ...]) -> Iterator[Stage]:
    """A cluster that runs, for rows."""
    with KafkaCluster(jars=kafka_jars(), directory=folder) as cluster:
        yield Stage(cluster, folder, modes)
