"""What judges the outage and the soak, without brokers: each judgement is shown to go red."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from tests.faults.account import counted, order_breaks
from tests.faults.drain import Drain, Fared, drain_of
from tests.faults.flatness import FEWEST, growth
from tests.faults.load import CLIENTS, Asked
from tests.faults.outage_report import Memory, OutageReport
from tests.faults.reading import Arrival
from tests.faults.soak_report import Rest, SoakReport
from tests.faults.tally import Tally
from tests.faults.vitals import MEGABYTE, Vitals, children, disk_use, forget_peak, vitals
from tests.journals import journals_in, rows_in
from tests.leash import leashed
from tests.processes import wait_until


def arrival(number: int, *, id_: str = "", player: str = "ana", stored: float = 0.0) -> Arrival:
    """An event that was read back."""
    return Arrival(id_ or f"id-{number}", player, number, 1, "shop [0]", stored)


def test_tally_tells_lost_repeated_and_renamed_events_apart() -> None:
    """What came again under its id is a duplicate, under another id it is worse, and what never came is lost."""
    tally = Tally()
    arrivals = [arrival(0), arrival(1), arrival(0), arrival(1, id_="another")]
    assert [each.number for each in tally.first_ones(arrivals)] == [0, 1]
    assert (tally.delivered, tally.duplicates, tally.renamed) == (2, 1, 1)
    assert tally.lacks([0, 1, 2, 5000]) == 2


def test_tally_lets_the_order_be_judged() -> None:
    """An event behind a later one of its player is a break; a duplicate behind it is none."""
    assert order_breaks(Tally().first_ones(map(arrival, (0, 2, 1)))) == 1
    assert order_breaks(Tally().first_ones(map(arrival, (0, 1, 2, 1)))) == 0


def test_outcome_takes_what_came_again_for_a_duplicate_and_not_for_late() -> None:
    """The place of an event is that of its first arrival, in the table of faults too."""
    asked = [Asked(number, 0.0, 0.001) for number in range(3)]
    again, late = counted(asked, map(arrival, (0, 1, 2, 1))), counted(asked, map(arrival, (0, 2, 1)))
    assert (again["delivered"], again["duplicates"], again["order_breaks"]) == (3, 1, 0)
    assert (late["delivered"], late["duplicates"], late["order_breaks"]) == (3, 0, 1)


def test_drain_tells_how_long_new_events_took() -> None:
    """Of those asked for while the backlog drained, the seconds until they were stored, by topic."""
    offset = time.time() - time.monotonic()  # requests are timed by one clock, brokers go by the other
    tally = Tally()
    backlog = [arrival(0, stored=offset + 10), arrival(1, stored=offset + 14), arrival(2, stored=offset + 20)]
    new = [arrival(8, stored=offset + 21), arrival(8 + CLIENTS, stored=offset + 12.5)]
    assert len(list(tally.first_ones([*backlog, *new]))) == 5
    asked = [Asked(8, 12.0, 0.25), Asked(8 + CLIENTS, 12.0, 0.5), Asked(9, 12.0, None), Asked(10, 30.0, 0.1)]
    drain = drain_of(tally, range(3), asked)
    assert (drain.events, drain.delivered, drain.lost) == (6, 5, 1)
    assert (drain.seconds, drain.pause) == pytest.approx((10, 6))
    assert (drain.same.sent, drain.other.sent) == (1, 1)
    assert (drain.same.worst, drain.other.worst) == pytest.approx((9, 0.5), abs=0.1)
    assert drain.slowest == 0.5


GOOD_DRAIN = Drain(
    events=10,
    delivered=10,
    lost=0,
    duplicates=3,
    renamed=0,
    seconds=2.0,
    pause=0.1,
    same=Fared(sent=5, median=1.0, worst=2.0),
    other=Fared(sent=5, median=0.1, worst=0.2),
    slowest=0.1,
)
GOOD_OUTAGE = OutageReport(
    events=10,
    emitting=1.0,
    memory=Memory(start=50 * MEGABYTE, away=60 * MEGABYTE, draining=80 * MEGABYTE),
    disk=(500 * MEGABYTE, 12 * MEGABYTE),
    drain=GOOD_DRAIN,
    order_breaks=0,
    left=0,
)


def test_good_outage_is_ok() -> None:
    """Thirty megabytes more, and duplicates, are allowed."""
    assert GOOD_OUTAGE.verdict() == "ok"
    assert "+30.0" in GOOD_OUTAGE.text()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"memory": Memory(start=0, away=31 * MEGABYTE, draining=0)}, "memory grew by 31.0 MB"),
        ({"order_breaks": 1}, "1 events out of order"),
        ({"left": 1}, "1 rows left"),
        ({"disk": (0, 500 * MEGABYTE)}, "500.0 MB left"),
        ({"drain": replace(GOOD_DRAIN, lost=1)}, "1 events lost"),
        ({"drain": replace(GOOD_DRAIN, renamed=1)}, "under another id"),
        ({"drain": replace(GOOD_DRAIN, pause=9.0)}, "stood still for 9.0 s"),
        ({"drain": replace(GOOD_DRAIN, other=Fared(sent=0, median=0, worst=0))}, "no new event"),
        ({"drain": replace(GOOD_DRAIN, other=Fared(sent=9, median=1, worst=9))}, "took 9.0 s"),
    ],
)
def test_outage_that_harmed_something_is_not_ok(change: dict[str, Any], told: str) -> None:
    """Each figure has a limit, and the verdict says which one was passed."""
    assert told in replace(GOOD_OUTAGE, **change).verdict()


def rest(number: int, *, memory: int = 60 * MEGABYTE, descriptors: int = 25, threads: int = 14) -> Rest:
    """What was measured after a fault; something comes and goes."""
    elder = Vitals(memory=memory, peak=memory, descriptors=descriptors + number % 3, threads=threads)
    return Rest(after="worker kill -9", at=number, elder=elder, disk=100 + number, answered=number)


GOOD_SOAK = SoakReport(
    seed=1,
    lasted=60.0,
    rests=[rest(number) for number in range(20)],
    warm_up=2,
    sent=11,
    answered=10,
    lost=0,
    delivered=10,
    duplicates=4,
    renamed=0,
    late=[],
    worst=0.5,
    elder_lives=True,
    elder_emitted=5,
    pending=0,
    rows=0,
    disk=1000,
    files=2,
    left=0,
    tracebacks=0,
)


def test_good_soak_is_ok() -> None:
    """What comes and goes is no growth, and neither is what grew while it warmed up."""
    warm = [rest(0, memory=1), rest(1, threads=1), *GOOD_SOAK.rests[2:]]
    report = replace(GOOD_SOAK, rests=warm)
    assert report.wrong() == []
    assert report.text().endswith("ok")


def test_soak_of_a_few_faults_judges_no_growth() -> None:
    """It says so, and the rest is judged."""
    report = replace(GOOD_SOAK, rests=GOOD_SOAK.rests[: FEWEST + 1])
    assert "not judged" in report.text()
    assert replace(report, lost=1).wrong() == ["1 events lost"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lost": 1}, "1 events lost"),
        ({"renamed": 1}, "under another id"),
        ({"late": [arrival(1)]}, "out of order"),
        ({"pending": 1}, "1 events pending"),
        ({"rows": 1}, "1 rows in the journal"),
        ({"files": 3}, "3 journal files of 2 workers"),
        ({"left": 1}, "1 journal files left"),
        ({"disk": 100 * MEGABYTE}, "100.0 MB in the journal's directory"),
        ({"tracebacks": 1}, "1 tracebacks"),
        ({"elder_lives": False}, "the elder worker died"),
        ({"rests": [rest(each, memory=each * MEGABYTE) for each in range(20)]}, "memory grew by 12,000,000"),
        ({"rests": [rest(each, descriptors=each) for each in range(20)]}, "descriptors grew by"),
        ({"rests": [rest(each, threads=each) for each in range(20)]}, "threads grew by 12"),
    ],
)
def test_soak_that_harmed_something_is_not_ok(change: dict[str, Any], told: str) -> None:
    """Each figure has a limit, and the verdict says which one was passed."""
    report = replace(GOOD_SOAK, **change)
    assert any(told in each for each in report.wrong())
    assert "NOT OK" in report.text()


def test_growth_needs_enough_to_tell() -> None:
    """Too few samples are no proof of flatness."""
    assert growth([5, 9, 5, 5, 5, 5, 9, 7, 6]) == 1
    with pytest.raises(ValueError, match="samples tell nothing"):
        growth([1] * (FEWEST - 1))


HUNGRY = """
import os, sys, threading
held = [bytearray(50_000_000)]
held.clear()
file = open(os.devnull)
threading.Thread(target=sys.stdin.read).start()
print("fed", flush=True)
"""


def test_vitals_tell_peak_descriptors_and_threads_of_a_process() -> None:
    """What it gave back is in its peak until that is forgotten; files and threads are counted."""
    command = leashed(sys.executable, "-c", HUNGRY)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"fed\n"
        fed = vitals(process.pid)
        assert process.pid in children(os.getpid())
        assert fed.peak - fed.memory > 40_000_000
        assert (fed.descriptors, fed.threads) == (4, 2)
        forget_peak(process.pid)
        wait_until(lambda: vitals(process.pid).peak - fed.memory < 1_000_000, "the peak is forgotten")


def test_rows_of_every_journal_below_a_folder_are_counted(tmp_path: Path) -> None:
    """Those that wait, in whichever app's directory, also while the file is in use."""
    (tmp_path / "shop").mkdir()
    file = JournalFile(tmp_path / "shop" / "one.journal")
    record = Record(id="1", type="t", topic="shop", key=None, value=b"{}", headers=())
    file.append([Entry(seq=1, record=record), Entry(seq=2, record=record)])
    assert rows_in(tmp_path) == 2
    assert len(journals_in(tmp_path)) == 1
    assert disk_use(tmp_path) >= 4096
    file.close()
