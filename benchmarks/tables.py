"""What is printed of a report: its figures, the goals, and what got worse since another one."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.goals import GOALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.sheets import Report, Sheet

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


def worse(new: Report, old: Report) -> list[str]:
    """What got worse beyond the noise: each variant against the first one of its sheet, in either report.

    Beyond the noise is where three quarters of the new ratios lie above three quarters of the old ones.
    """
    return [
        f"{name}: {variant} was {statistics.median(before):.2f} times {floor}, is {statistics.median(after):.2f}"
        for name in new.sheets.keys() & old.sheets.keys()
        for variant, floor, before, after in _pairs(old.sheets[name], new.sheets[name])
        if _is_above(after, before)
    ]


def _pairs(old: Sheet, new: Sheet) -> Iterator[tuple[str, str, list[float], list[float]]]:
    floor = next(iter(new.figures))
    for variant in new.figures:
        if variant != floor and {variant, floor} <= old.figures.keys():
            yield variant, floor, _ratios(old, variant, floor), _ratios(new, variant, floor)


def _ratios(sheet: Sheet, variant: str, floor: str) -> list[float]:
    pairs = zip(sheet.figures[variant], sheet.figures[floor], strict=True)
    return [one / other for one, other in pairs]


def _is_above(after: list[float], before: list[float]) -> bool:
    if min(len(after), len(before)) < ENOUGH:
        return False
    return statistics.quantiles(after, n=4)[0] > statistics.quantiles(before, n=4)[2]
