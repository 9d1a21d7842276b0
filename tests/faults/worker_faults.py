"""What happens to the app's own process: fatal errors, SIGTERM, kill -9."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.faults.rows import fault
from tests.faults.trial import FORGOTTEN

if TYPE_CHECKING:
    from tests.faults.subject import Subject
    from tests.faults.trial import Trial


@fault("fatal producer error")
def fatal_error(trial: Trial) -> None:
    """Librdkafka's own test call breaks the producer, twice."""
    trial.create_topics(partitions=3)
    with trial.load():
        for _ in range(2):
            trial.for_each(lambda subject: subject.ask("/break", "POST"))
            trial.await_told("sending again")
            trial.go_on(200)


@fault("worker SIGTERM")
def worker_ended(trial: Trial) -> None:
    """The serving worker is ended in good order and replaced, while clients go on to ask."""
    trial.create_topics(partitions=3)
    with trial.load():
        _signal_workers(trial, signal.SIGTERM)
        trial.go_on(200)


@fault("worker kill -9")
def worker_killed(trial: Trial) -> None:
    """The serving worker is killed with events still batched, and replaced."""
    trial.may_lose = {"memory": FORGOTTEN}
    trial.set_producer(linger_ms=1000)
    trial.create_topics(partitions=3)
    with trial.load():
        _signal_workers(trial, signal.SIGKILL)
        trial.go_on(200)


def _signal_workers(trial: Trial, number: int) -> None:
    def send(subject: Subject) -> None:
        before = subject.ledger()["worker"]
        os.kill(before, number)
        subject.await_ledger(lambda stats: stats["worker"] != before, "another worker serves", seconds=30)

    trial.for_each(send)
