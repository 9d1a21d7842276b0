"""The figures in the docs are those of the run that is kept beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.page import machine_of
from benchmarks.sheets import Report
from benchmarks.tables import goals_of, table_of

EXPLANATION = Path(__file__).parents[2] / "docs" / "explanation"


@pytest.fixture
def report() -> Report:
    """The last full run."""
    return Report.load(EXPLANATION / "performance.json")


def test_the_docs_show_the_goals_of_the_last_full_run(report: Report) -> None:
    """All of them, those that aren't met too."""
    goals, _ = goals_of(report)
    assert goals in (EXPLANATION / "performance.md").read_text()


@pytest.mark.parametrize(
    "name",
    ["an event, cpu", "a request, cpu", "a cold request, cpu", "served, requests/s", "served, p99", "end to end",
     "insert at 5,000/s, p99", "insert at 5,000/s, rate", "insert with fsync", "growth, cpu", "threads, process",
     "a request, process", "import, wall", "other packages, cpu", "other packages, wall", "served, Apache Kafka, requests/s",
     "served, Apache Kafka, p99", "end to end, two processes", "on the wire", "waiting, an event", "waiting, rate",
     "waiting, memory", "start, wall"],
)  # fmt: skip
def test_the_docs_show_the_tables_of_the_last_full_run(report: Report, name: str) -> None:
    """Least, median and most of every variant."""
    assert table_of(name, report.sheets[name]) in (EXPLANATION / "performance.md").read_text()


def test_the_docs_name_the_machine_and_what_ran_on_it(report: Report) -> None:
    """A figure without them says nothing."""
    assert machine_of(report) in (EXPLANATION / "performance.md").read_text()


def test_the_chart_is_of_the_last_full_run(report: Report) -> None:
    """It shows what each variant adds to a request."""
    chart = (EXPLANATION / "performance.svg").read_text()
    sheet = report.sheets["a request, cpu"]
    for name in sheet.figures.keys() - {"no event"}:
        assert f">{name}<" in chart
        assert f">{sheet.added(name, 'no event'):.1f}<" in chart
