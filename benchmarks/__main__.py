"""`python -m benchmarks`: what an event costs, beside what people would use instead, and whether the goals are met.

Blocks of all variants take turns; each figure is a block's mean, shown are the least, the median and the most of them.
Exits with 1 where a goal isn't met, or where something got worse than in the report to compare with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import rows
from benchmarks.brokers import apache, embedded, why_no_apache
from benchmarks.chart import draw
from benchmarks.drained import drained
from benchmarks.inserted import latencies, power
from benchmarks.page import refresh
from benchmarks.served import served, why_not
from benchmarks.sheets import Report
from benchmarks.tables import goals_of, table_of, worse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.sheets import Sheet


def measured(*, quick: bool) -> Iterator[tuple[str, Sheet]]:
    """Every row, one after the other, with its name."""
    rounds = 5 if quick else 21
    yield "import, wall", rows.imports(rounds=rounds)
    with embedded() as servers:
        for name, row, operations in (
            ("an event", rows.an_event, 5_000),
            ("a request", rows.a_request, 1_000),
            ("growth", rows.growth, 1_024),
        ):
            yield from _by_clock(name, row(servers, operations=operations, rounds=rounds))
        if not quick:
            yield from _by_clock("a cold request", rows.a_request(servers, operations=30, rounds=rounds))
        yield from _by_clock("insert at 5,000/s", latencies(servers, rate=5_000, rounds=3, seconds=2))
        if not quick:
            yield from _by_clock("insert at 2,000/s", latencies(servers, rate=2_000, rounds=3, seconds=2))
        yield "insert with fsync", power(servers, rounds=3, seconds=1)
        if _may("requests under gunicorn", why_not()):
            yield from _by_clock(
                "served", served(servers, rounds=3 if quick else 7, seconds=1 if quick else 5)
            )
    if _may("events end to end", why_no_apache()):
        with apache() as servers:
            yield "end to end", drained(servers, events=20_000 if quick else 50_000, rounds=3 if quick else 7)


def _may(what: str, why_not: str) -> bool:
    if why_not:
        sys.stdout.write(f"{what} are left out: {why_not}\n\n")
    return not why_not


def _by_clock(name: str, sheets: Mapping[str, Sheet]) -> Iterator[tuple[str, Sheet]]:
    for clock, sheet in sheets.items():
        yield f"{name}, {clock}", sheet


def main() -> int:
    """Measure, print, save, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the goals' rows alone, in less than two minutes"
    )
    parser.add_argument("--save", type=Path, help="where the figures go as JSON")
    parser.add_argument("--chart", type=Path, help="where a chart of them goes as SVG")
    parser.add_argument("--page", type=Path, help="a page whose tables are replaced by the new ones")
    parser.add_argument("--compare", type=Path, help="an earlier one of these: says what got worse")
    wanted = parser.parse_args()
    report = Report.begin()
    for name, sheet in measured(quick=wanted.quick):
        report.sheets[name] = sheet
        sys.stdout.write(table_of(name, sheet) + "\n")
        sys.stdout.flush()
    text, all_met = goals_of(report)
    sys.stdout.write(text)
    if wanted.save is not None:
        report.save(wanted.save)
    if wanted.chart is not None:
        draw(report, wanted.chart)
    if wanted.page is not None:
        refresh(wanted.page, report)
    lines = [] if wanted.compare is None else worse(report, Report.load(wanted.compare))
    sys.stdout.writelines(f"worse: {line}\n" for line in lines)
    return 0 if all_met and not lines else 1


if __name__ == "__main__":
    sys.exit(main())
