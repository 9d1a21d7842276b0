"""What is printed of a report: its figures, the goals, and what got worse since another one."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.goals import GOALS
from benchmarks.sheets import Sheet

if TYPE_CHECKING:
    from benchmarks.sheets import Report

#: Figures of one variant that a comparison wants at least: of fewer the quartiles say nothing.
ENOUGH = 4


def table_of(name: str, sheet: Sheet) -> str:
    """A sheet's variants with the least, the middle and the most of each."""
    lines = [f"{name:44} {'least':>10} {'median':>10} {'most':>10}  {sheet.unit}"]
    for variant, figures in sheet.figures.items():
        least, middle, most = min(figures), statistics.median(figures), max(figures)
        lines.append(f"  {variant:42} {least:10,.2f} {middle:10,.2f} {most:10,.2f}")
    return "\n".join(lines) + "\n"


def goals_of(report: Report) -> tuple[str, bool]:
    """Each goal with its figure, and whether all that were measured are met."""
    lines, all_met = [], True
    for goal in GOALS:
        figure = goal.figure(report)
        if figure is None:
            continue
        is_met = goal.is_met(figure)
        all_met = all_met and is_met
        sign = "≥" if goal.at_least else "≤"
        lines.append(
            f"{'met    ' if is_met else 'NOT MET'}  {figure:8.2f} {sign} {goal.bound:<6g} {goal.what}"
        )
    return "\n".join(lines) + "\n", all_met


def worse(new: Report, old: Report) -> tuple[list[str], list[str]]:
    """What got worse beyond the noise, and what can't be compared.

    Each variant goes against the first one of its sheet, in either report. Beyond the noise is where three quarters of the
    new ratios lie past three quarters of the old ones.
    """
    got_worse, unknown = [], []
    for name, sheet in new.sheets.items():
        floor = next(iter(sheet.figures))
        known = old.sheets.get(name, Sheet(unit=sheet.unit, figures={})).figures
        for variant in [each for each in sheet.figures if each != floor]:
            if (
                not {variant, floor} <= known.keys()
                or min(map(len, (sheet.figures[variant], known[variant]))) < ENOUGH
            ):
                unknown.append(f"{name}: {variant}")
                continue
            before, after = (_ratios(each, variant, floor) for each in (old.sheets[name], sheet))
            if _is_past(before, after) if sheet.is_rate else _is_past(after, before):
                was, is_ = statistics.median(before), statistics.median(after)
                got_worse.append(f"{name}: {variant} was {was:.2f} times {floor}, is {is_:.2f}")
    return got_worse, unknown


def _ratios(sheet: Sheet, variant: str, floor: str) -> list[float]:
    pairs = zip(sheet.figures[variant], sheet.figures[floor], strict=True)
    return [one / other for one, other in pairs]


def _is_past(these: list[float], those: list[float]) -> bool:
    return statistics.quantiles(these, n=4)[0] > statistics.quantiles(those, n=4)[2]
