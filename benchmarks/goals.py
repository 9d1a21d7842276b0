"""What the figures have to be: ratios within one run, but for a few in ms, so that they mean the same on another machine."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from benchmarks.sheets import Report, Sheet


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """One of them.

    Attributes:
        what: is measured, in words.
        sheet: the one that it is read from.
        of: the figure.
        bound: the most that it may be, or the least where `at_least`.
        at_least: whether more is better.
    """

    what: str
    sheet: str
    of: Callable[[Sheet], float]
    bound: float
    at_least: bool = False

    def figure(self, report: Report) -> float | None:
        """What it is; None where this run hasn't measured it."""
        sheet = report.sheets.get(self.sheet)
        return None if sheet is None else self.of(sheet)

    def is_met(self, figure: float) -> bool:
        """Whether that is good enough."""
        return figure >= self.bound if self.at_least else figure <= self.bound


def _added(name: str, to: str, floor: str = "no event") -> Callable[[Sheet], float]:
    """How many times as much a variant adds to its floor as another adds to no event; no number where that adds nothing."""

    def of(sheet: Sheet) -> float:
        least = sheet.added(to, "no event")
        return sheet.added(name, floor) / least if least > 0 else nan

    return of


def _ratio(name: str, to: str) -> Callable[[Sheet], float]:
    return lambda sheet: sheet.ratio(name, to)


def _more(name: str) -> Callable[[Sheet], float]:
    return lambda sheet: sheet.added(name, "no event")


GOALS: Final = (
    Goal(
        what="a decorated event, of kafka-python's bare send",
        sheet="an event, cpu", of=_ratio("decorated", "kafka-python"), bound=0.35,
    ),
    Goal(
        what="added to a request, of kafka-python's send in the view",
        sheet="a request, cpu", of=_added("decorated", "kafka-python"), bound=0.35,
    ),
    Goal(
        what="added to a request, of a bare confluent produce in the view",
        sheet="a request, cpu", of=_added("decorated", "confluent"), bound=2.5,
    ),
    Goal(
        what="added to a route without an event, of kafka-python's send in the view",
        sheet="a request, cpu", of=_added("not decorated", "kafka-python"), bound=0.06,
    ),
    Goal(
        what="added with the journal, of kafka-python's send in the view",
        sheet="a request, cpu", of=_added("journal", "kafka-python"), bound=0.6,
    ),
    Goal(
        what="requests/s kept, of an app without events",
        sheet="served, requests/s", of=_ratio("decorated", "no event"), bound=0.95, at_least=True,
    ),
    Goal(
        what="requests/s kept by a bare confluent produce",
        sheet="served, requests/s", of=_ratio("confluent", "no event"), bound=0.95, at_least=True,
    ),
    Goal(
        what="requests/s kept with the journal",
        sheet="served, requests/s", of=_ratio("journal", "no event"), bound=0.92, at_least=True,
    ),
    Goal(
        what="ms more of a request's p99 with the broker down",
        sheet="served, p99", of=_more("no broker"), bound=1,
    ),
    Goal(
        what="ms more of a request's p99 with the broker down and the journal",
        sheet="served, p99", of=_more("journal, no broker"), bound=1,
    ),
    Goal(
        what="ms of a journal insert's p99, 8 threads at 5,000/s",
        sheet="insert at 5,000/s, p99", of=lambda sheet: sheet.median("journal"), bound=1,
    ),
    Goal(
        what="journal inserts/s with fsync, of one fsync each",
        sheet="insert with fsync", of=_ratio("journal", "SQLite alone"), bound=2, at_least=True,
    ),
    Goal(
        what="rich events/s end to end, of a bare confluent producer's",
        sheet="end to end", of=_ratio("decorated", "confluent"), bound=0.5, at_least=True,
    ),
    Goal(
        what="plain events/s end to end, headers and all, of kafka-python's bare ones",
        sheet="end to end", of=_ratio("plain", "kafka-python"), bound=3, at_least=True,
    ),
    Goal(
        what="an event's growth: 1,000 routes against one",
        sheet="growth, cpu", of=_added("1,000 routes", "alone"), bound=1.1,
    ),
    Goal(
        what="an event's growth: 100 TYPES against none",
        sheet="growth, cpu", of=_added("100 TYPES", "alone"), bound=1.1,
    ),
    Goal(
        what="an event's growth: 100,000 others waiting against a few",
        sheet="growth, cpu", of=_added("100,000 waiting", "no broker"), bound=1.1,
    ),
    Goal(
        what="an event's growth: 64 threads against one",
        # What so many threads cost an app without an event isn't the event's.
        sheet="threads, process", of=_added("64 threads", "alone", "no event, 64 threads"), bound=1.1,
    ),
    Goal(
        what="import, against that of flask and confluent_kafka",
        sheet="import, wall", of=_ratio("with ours", "flask, confluent_kafka"), bound=1.3,
    ),
)  # fmt: skip
