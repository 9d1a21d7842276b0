"""`python -m tests.faults.soak`: faults at random for twenty minutes, with the journal on; nothing may be lost, nothing grow.

Two workers of gunicorn answer requests; half of the events go to a topic on three brokers, half to one on a single
broker. First each of the faults in `mischief.py` happens once, in a random order. Then the dice choose until the time
is over. Whenever all is well again, the worker that no fault ends (the elder; the other one is killed and replaced) and
the journal's directory are measured. The first third of these samples is the warm-up: a heap stays as large as its
worst moment made it, and the dice find that moment late (after 292 of 1,200 seconds in one run: two outages in a row in
which the elder adopted what others left). Memory, descriptors and threads of the elder are flat where the least of the
last third of the rest is no more than a little above the least of its first third: `MAY_GROW` says how little. The
directory, in which every process has a file of its own, must come back to what two empty files take, and to two files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from tests.faults.account import late_ones
from tests.faults.mischief import MISCHIEFS, PARTITIONS, Scene
from tests.faults.shop import SERVER_THREADS
from tests.faults.soak_report import WORKERS, Rest, SoakReport
from tests.faults.stage import Stage, staged
from tests.faults.tally import Tally
from tests.faults.vitals import disk_use, vitals
from tests.journals import journals_in, rows_in
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.subject import Subject
    from tests.faults.trial import Trial

REST_SECONDS: Final = 180.0


def soak(stage: Stage, *, seconds: float, rate: float, seed: int) -> SoakReport:
    """Let faults happen for so long, and judge what is left."""
    with stage.trial(f"soak {seed}", ("journal",)) as trial:
        trial.rate = rate
        scene = _begin(trial, Random(seed))
        began = time.monotonic()
        rests = list(_rests(scene, began + seconds))
        scene.subject.load.stop()
        lasted = time.monotonic() - began
        _come_to_rest(scene.subject)
        return _report(scene, rests, seed=seed, lasted=lasted)


def _begin(trial: Trial, dice: Random) -> Scene:
    """The app under load, and its elder worker."""
    (subject,) = trial.subjects
    trial.create_topics(partitions=PARTITIONS, min_in_sync=2)
    trial.create_others(on=[3])
    subject.settings["BOOTSTRAP_SERVERS"] = trial.cluster.proxied
    # librdkafka waits for a network that hangs for 60 s by default, longer than any fault here lasts.
    trial.set_producer(socket_timeout_ms=3000, request_timeout_ms=3000)
    # A connection for each request: those that are kept would all end at the worker that is never ended.
    subject.environment["GUNICORN_CMD_ARGS"] = "--keep-alive 0"
    subject.workers = WORKERS
    subject.start()
    wait_until(lambda: len(subject.ledgers()) == WORKERS, "both workers serve", seconds=30)
    elder = subject.workers_now()[0]
    wait_until(lambda: _has_all_threads(subject, elder), "the elder has all of its threads", seconds=60)
    subject.begin(trial.rate)
    return Scene(trial=trial, subject=subject, elder=elder, dice=dice)


def _has_all_threads(subject: Subject, worker: int) -> bool:
    """Whether the server's threads of a worker are all there; those that come later would look like a leak."""
    with ThreadPoolExecutor(4 * SERVER_THREADS) as pool:
        for _ in range(4 * SERVER_THREADS):
            pool.submit(subject.ask, "/meet")
    return vitals(worker).threads > SERVER_THREADS


def _rests(scene: Scene, until: float) -> Iterator[Rest]:
    """One fault after the other, and what is measured after each."""
    began = time.monotonic()
    for name in _names(scene.dice):
        if time.monotonic() > until:
            return
        MISCHIEFS[name](scene)
        scene.recover()
        wait_until(
            lambda: _waiting(scene.subject) < scene.trial.rate, "the backlog is gone", seconds=REST_SECONDS
        )
        rest = Rest(
            after=name,
            at=time.monotonic() - began,
            elder=vitals(scene.elder),
            disk=disk_use(scene.subject.folder / "journal"),
            answered=scene.subject.load.answered(),
        )
        sys.stderr.write(f"{rest}\n")
        yield rest


def _names(dice: Random) -> Iterator[str]:
    """Each fault once, then any."""
    names = sorted(MISCHIEFS)
    yield from dice.sample(names, len(names))
    while True:
        yield dice.choice(names)


def _waiting(subject: Subject) -> int:
    """What waits in the living workers; what a dead one left counts once it is adopted."""
    return sum(stats["pending"] for stats in subject.ledgers())


def _come_to_rest(subject: Subject) -> None:
    """Wait until nothing waits anywhere; where that is in vain the report says what does."""
    journal = subject.folder / "journal"
    with suppress(TimeoutError):
        wait_until(lambda: _waiting(subject) == 0, "nothing is pending", seconds=REST_SECONDS)
        wait_until(lambda: not rows_in(journal), "no journal holds anything", seconds=REST_SECONDS)


def _report(scene: Scene, rests: list[Rest], *, seed: int, lasted: float) -> SoakReport:
    """What is left in the ledgers and the journal, and what arrived."""
    subject, journal = scene.subject, scene.subject.folder / "journal"
    elder_lives = scene.elder in subject.workers_now()
    ledgers = {stats["worker"]: stats for stats in subject.ledgers()}
    rows = rows_in(journal)
    disk, files = disk_use(journal), len(journals_in(journal))
    subject.end()
    tally, asked = Tally(), subject.load.asked
    arrivals = map(scene.trial.arrivals, subject.topics)
    late = [each for topic in arrivals for each in late_ones(tally.first_ones(topic))]
    return SoakReport(
        seed=seed,
        lasted=lasted,
        rests=rests,
        warm_up=max(len(MISCHIEFS), len(rests) // 3),
        sent=len(asked),
        answered=subject.load.answered(),
        lost=tally.lacks(each.number for each in asked if each.seconds is not None),
        delivered=tally.delivered,
        duplicates=tally.duplicates,
        renamed=tally.renamed,
        late=late,
        worst=max(each.seconds or 0.0 for each in asked),
        elder_lives=elder_lives,
        elder_emitted=ledgers[scene.elder]["emitted"] if elder_lives else 0,
        pending=sum(stats["pending"] for stats in ledgers.values()),
        rows=rows,
        disk=disk,
        files=files,
        left=len(journals_in(journal)),
        tracebacks=subject.log.count("Traceback"),
    )


def main() -> int:
    """Run it and print the summary; 1 where something isn't as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    wanted = parser.parse_args()
    sys.stderr.write(f"seed {wanted.seed}\n")
    folder = Path(tempfile.mkdtemp(prefix="kafka-cluster0"))
    with staged(folder, ("journal",)) as stage:
        report = soak(stage, seconds=60 * wanted.minutes, rate=wanted.rate, seed=wanted.seed)
    sys.stdout.write(report.text() + "\n")
    if report.wrong():
        sys.stdout.write(f"logs, journals and topics are left in {folder}\n")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
