"""What a soak does to brokers, network and workers, one at random after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.processes import wait_until

if TYPE_CHECKING:
    from tests.faults.subject import Subject
    from tests.faults.trial import Trial

PARTITIONS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A soak while it runs.

    Attributes:
        trial: cluster, topics and rate.
        subject: the app, with two workers.
        elder: the worker that is never ended.
        dice: decide how long and whom.
    """

    trial: Trial
    subject: Subject
    elder: int
    dice: Random

    def go_on(self, shortest: float, longest: float) -> None:
        """Let as many requests be answered as come in a time between these two, in seconds."""
        self.trial.go_on(int(self.trial.rate * self.dice.uniform(shortest, longest)))

    def signal_younger(self, number: int) -> None:
        """Send a signal to the worker that isn't the elder, and wait until another one has taken its place."""
        (younger,) = self.younger()
        os.kill(younger, number)
        wait_until(lambda: len(self.younger() - {younger}) == 1, "the worker is replaced", seconds=60)

    def younger(self) -> set[int]:
        """The workers besides the elder."""
        return set(self.subject.workers_now()) - {self.elder}

    def recover(self) -> None:
        """Make brokers and network well, and wait until every replica is in sync."""
        for proxy in self.trial.cluster.proxies.values():
            proxy.recover()
        self.trial.cluster.start()
        self.trial.admin.await_in_sync(self.subject.topic, partitions=PARTITIONS)
        self.trial.admin.await_in_sync(self.subject.other, replicas=1)


Mischief: TypeAlias = "Callable[[Scene], None]"

MISCHIEFS: dict[str, Mischief] = {}


def mischief(name: str) -> Callable[[Mischief], Mischief]:
    """Let the dice choose a function."""

    def add(run: Mischief) -> Mischief:
        MISCHIEFS[name] = run
        return run

    return add


@mischief("leader killed -9")
def leader_killed(scene: Scene) -> None:
    """The leader of one partition, with all else that it leads."""
    scene.trial.cluster.kill(scene.trial.admin.leader(scene.subject.topic, scene.dice.randrange(PARTITIONS)))
    scene.go_on(2, 8)


@mischief("all brokers down")
def all_down(scene: Scene) -> None:
    """All three are killed at once."""
    scene.trial.cluster.kill(1, 2, 3)
    scene.go_on(3, 20)


@mischief("rolling restart")
def rolling_restart(scene: Scene) -> None:
    """One broker after the other is ended in good order and started again."""
    for node in (1, 2, 3):
        scene.trial.cluster.end(node)
        scene.trial.cluster.start(node)
        scene.trial.admin.await_in_sync(scene.subject.topic, partitions=PARTITIONS)


@mischief("network hangs")
def network_hangs(scene: Scene) -> None:
    """Every byte is swallowed, in both directions."""
    for proxy in scene.trial.cluster.proxies.values():
        proxy.hang()
    scene.go_on(3, 10)


@mischief("one topic down")
def one_topic_down(scene: Scene) -> None:
    """The only broker of the second topic is killed."""
    scene.trial.cluster.kill(3)
    scene.go_on(5, 15)


@mischief("worker kill -9")
def worker_killed(scene: Scene) -> None:
    """The younger worker."""
    scene.signal_younger(signal.SIGKILL)
    scene.go_on(2, 8)


@mischief("worker SIGTERM")
def worker_ended(scene: Scene) -> None:
    """The younger worker."""
    scene.signal_younger(signal.SIGTERM)
    scene.go_on(2, 8)


@mischief("all brokers down, workers kill -9 meanwhile")
def workers_killed_in_an_outage(scene: Scene) -> None:
    """What the first leaves may be adopted by the second, which is killed with it."""
    scene.trial.cluster.kill(1, 2, 3)
    for _ in range(2):
        scene.go_on(3, 9)
        scene.signal_younger(signal.SIGKILL)
    scene.go_on(1, 3)


@mischief("fatal producer error")
def fatal_error(scene: Scene) -> None:
    """Librdkafka's own test call breaks the producer of whichever worker answers."""
    wait_until(lambda: scene.subject.ask("/break", "POST") == "broken", "a producer is broken", seconds=30)
    scene.go_on(2, 5)
