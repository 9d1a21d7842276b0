"""`python -m benchmarks`: what an event costs, beside what people would use instead, and whether the goals are met.

Blocks of all variants take turns; each figure is a block's mean, shown are the least, the median and the most of them.
Exits with 1 where a goal isn't met; with --compare instead where something got worse than in that report.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import rows
from benchmarks.backlog import backlog
from benchmarks.brokers import apache, embedded, why_no_apache
from benchmarks.chart import draw
from benchmarks.drained import drained, drained_by_two
from benchmarks.inserted import latencies, power
from benchmarks.page import refresh
from benchmarks.served import served, why_not
from benchmarks.served_app import ON_KAFKA, VARIANTS, WITH_GOALS
from benchmarks.sheets import Report
from benchmarks.starting import apps, imports
from benchmarks.tables import goals_of, table_of, worse
from benchmarks.wire import on_the_wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.sheets import Sheet


def measured(*, quick: bool) -> Iterator[tuple[str, Sheet]]:
    """Every row for which nothing is missing, one after the other, with its name."""
    rounds = 3 if quick else 21
    yield "import, wall", imports(rounds=rounds)
    yield "start, wall", apps(rounds=rounds)["wall"]
    with embedded() as servers:
        yield from _in_process(servers, rounds, quick=quick)
        turns, seconds = (2, 1) if quick else (4, 2)
        yield from _by_clock(
            "insert at 5,000/s", latencies(servers, rate=5_000, rounds=turns, seconds=seconds)
        )
        if not quick:
            yield from _by_clock(
                "insert at 2,000/s", latencies(servers, rate=2_000, rounds=turns, seconds=seconds)
            )
        yield "insert with fsync", power(servers, rounds=turns, seconds=1)
        yield from _by_clock("waiting", backlog(servers, events=20_000 if quick else 1_000_000, rounds=1))
        if not why_not():
            turns, seconds = (2, 1) if quick else (6, 4)
            variants = WITH_GOALS if quick else VARIANTS
            yield from _by_clock("served", served(servers, variants, rounds=turns, seconds=seconds))
    if not why_no_apache():
        with apache() as servers:
            yield from _on_kafka(servers, quick=quick)


def _in_process(servers: str, rounds: int, *, quick: bool) -> Iterator[tuple[str, Sheet]]:
    requests = 500 if quick else 1_000
    yield from _by_clock("an event", rows.an_event(servers, operations=5 * requests, rounds=rounds))
    yield from _by_clock("a request", rows.a_request(servers, operations=requests, rounds=rounds))
    if not quick:
        yield from _by_clock("a cold request", rows.a_request(servers, operations=30, rounds=3 * rounds))
        yield from _by_clock("other packages", rows.packages(servers, operations=200, rounds=rounds))
    yield from _by_clock("growth", rows.growth(servers, operations=requests, rounds=rounds))
    threads = rows.threads(servers, operations=6_400, rounds=2 if quick else 8)
    yield "threads, process", threads["process"]


def _on_kafka(servers: str, *, quick: bool) -> Iterator[tuple[str, Sheet]]:
    yield "end to end", drained(servers, events=20_000 if quick else 50_000, rounds=4 if quick else 7)
    if quick:
        return
    yield "end to end, two processes", drained_by_two(servers, events=25_000, rounds=4)
    yield "on the wire", on_the_wire(servers, events=10_000)
    if not why_not():
        yield from _by_clock("served, Apache Kafka", served(servers, ON_KAFKA, rounds=4, seconds=4))


def _by_clock(name: str, sheets: Mapping[str, Sheet]) -> Iterator[tuple[str, Sheet]]:
    for clock, sheet in sheets.items():
        yield f"{name}, {clock}", sheet


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer blocks, in less than two minutes")
    parser.add_argument("--save", type=Path, help="where the figures go as JSON")
    parser.add_argument("--chart", type=Path, help="where a chart of them goes as SVG")
    parser.add_argument("--page", type=Path, help="a page whose tables are replaced by the new ones")
    parser.add_argument("--compare", type=Report.load, help="an earlier one of these: says what got worse")
    wanted = parser.parse_args()
    missing = [each for each in (why_not(), why_no_apache()) if each]
    if missing and wanted.page:
        parser.error(f"the page needs all rows: {' '.join(missing)}")
    sys.stdout.writelines(f"Some rows are left out: {each}\n" for each in missing)
    return wanted


def main() -> int:
    """Measure, print, save, compare."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended, as at Ctrl-C
    wanted = _wanted()
    report = Report.begin()
    for name, sheet in measured(quick=wanted.quick):
        report.sheets[name] = sheet
        sys.stdout.write(table_of(name, sheet) + "\n")
        sys.stdout.flush()
        if wanted.save is not None:
            report.save(wanted.save)
    text, all_met = goals_of(report)
    sys.stdout.write(text)
    if wanted.chart is not None:
        draw(report, wanted.chart)
    if wanted.page is not None:
        refresh(wanted.page, report)
    return _compared(report, wanted.compare) if wanted.compare else int(not all_met)


def _compared(report: Report, old: Report) -> int:
    got_worse, unknown = worse(report, old)
    sys.stdout.writelines(f"not compared: {line}\n" for line in unknown)
    sys.stdout.writelines(f"worse: {line}\n" for line in got_worse)
    return int(bool(got_worse))


if __name__ == "__main__":
    sys.exit(main())
