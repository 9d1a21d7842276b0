"""`python -m tests.faults.outage`: a million events while all brokers are away, in a journal that fills the disk, not the memory.

One gunicorn worker with `KAFKA_EVENTS_JOURNAL` and otherwise the default settings emits them, with a key for each of
100 players, into one topic. Its memory may grow by 30 MB at most beyond what it was at the start: when events had
arrived, the brokers were gone, and 5,000 events waited, so that the window of 2,000 that librdkafka may hold was full.
The kernel itself keeps the peak (VmHWM). Then clients go on to ask while the brokers come back: half of their events
are for the same topic, and come behind what waits there; the others, for another topic, must not wait for that.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults.account import order_breaks
from tests.faults.drain import drain_of
from tests.faults.outage_report import EMPTY, Memory, OutageReport
from tests.faults.stage import Stage, staged
from tests.faults.tally import Tally
from tests.faults.vitals import MEGABYTE, disk_use, forget_peak, vitals
from tests.journals import rows_in
from tests.processes import wait_until

if TYPE_CHECKING:
    from tests.faults.subject import Subject
    from tests.faults.trial import Trial

FULL_WINDOW: Final = 5_000
AT_ONCE: Final = 1_000
NEW_RATE: Final = 100.0


def outage(stage: Stage, events: int) -> OutageReport:
    """Let brokers be away while so many events are emitted, and come back."""
    with stage.trial(f"outage {events}", ("journal",)) as trial:
        (subject,) = trial.subjects
        worker, journal = _begin(trial, subject), subject.folder / "journal"
        trial.cluster.kill(1, 2, 3)
        _emit(subject, AT_ONCE, FULL_WINDOW)

        start, began = vitals(worker).memory, time.monotonic()
        forget_peak(worker)
        _emit(subject, AT_ONCE + FULL_WINDOW, events - FULL_WINDOW)
        emitting, away, full = time.monotonic() - began, vitals(worker).peak, disk_use(journal)

        forget_peak(worker)
        _come_back(trial, subject, first=AT_ONCE + events)
        with suppress(TimeoutError):  # the report says what is left
            wait_until(lambda: _is_empty(journal), "the journal is empty", seconds=300)
        memory = Memory(start=start, away=away, draining=vitals(worker).peak)
        left, disk = rows_in(journal), (full, disk_use(journal))
        subject.end()
        return _report(trial, subject, events, emitting=emitting, memory=memory, disk=disk, left=left)


def _begin(trial: Trial, subject: Subject) -> int:
    """Let the first events arrive; the worker that emits them."""
    trial.create_topics(min_in_sync=2)
    trial.create_others(min_in_sync=2)
    subject.start()
    _emit(subject, 0, AT_ONCE)
    subject.await_ledger(lambda stats: stats["delivered"] == AT_ONCE, "events arrive", 20)
    return int(subject.ledger()["worker"])


def _emit(subject: Subject, first: int, count: int) -> None:
    """Have the worker emit so many events, one after the other."""
    for begin in range(first, first + count, AT_ONCE):
        many = min(AT_ONCE, first + count - begin)
        assert subject.ask(f"/stock/{begin}/{many}", "POST") == "stocked"
        if begin % 50_000 == 0:
            say(f"{begin:,} emitted, {subject.ledger()['pending']:,} wait")


def _come_back(trial: Trial, subject: Subject, *, first: int) -> None:
    """Start the brokers while clients ask, and let everything be delivered."""
    subject.begin(NEW_RATE, first=first)
    trial.cluster.start()
    trial.go_on(100)
    wait_until(lambda: _few_wait(subject), "the backlog is delivered", seconds=1800)
    trial.go_on(100)
    subject.load.stop()
    subject.await_ledger(lambda stats: stats["pending"] == 0, "all is delivered", 60)


def _few_wait(subject: Subject) -> bool:
    waiting = subject.ledger()["pending"]
    say(f"{waiting:,} wait")
    time.sleep(1)
    return bool(waiting < NEW_RATE)


def _is_empty(journal: Path) -> bool:
    return not rows_in(journal) and disk_use(journal) <= EMPTY


def _report(trial: Trial, subject: Subject, events: int, **figures: object) -> OutageReport:
    tally = Tally()
    breaks = sum(order_breaks(tally.first_ones(trial.arrivals(topic))) for topic in subject.topics)
    drain = drain_of(tally, range(AT_ONCE, AT_ONCE + events), subject.load.asked)
    return OutageReport(events=events, drain=drain, order_breaks=breaks, **figures)  # type: ignore[arg-type]


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(text + "\n")


def main() -> int:
    """Run it and print the summary; 1 where something isn't as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.outage", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with (
        tempfile.TemporaryDirectory(prefix="kafka-cluster0") as folder,
        staged(Path(folder), ("journal",)) as stage,
    ):
        report = outage(stage, events)
    reader = vitals(os.getpid()).peak / MEGABYTE
    sys.stdout.write(f"{report.text()}\nread back  by a process of {reader:.0f} MB\n{report.verdict()}\n")
    return int(bool(report.wrong()))


if __name__ == "__main__":
    sys.exit(main())
