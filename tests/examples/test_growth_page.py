"""What the docs say of growth is what was measured."""

from __future__ import annotations

import re

import pytest

from benchmarks.sheets import Report
from docs._ext.generated import filled
from tests.examples.pages import DOCS

PAGE = DOCS / "explanation" / "how-it-grows.md"


@pytest.fixture
def report() -> Report:
    """The last full run of the benchmarks."""
    return Report.load(DOCS / "explanation" / "performance.json")


def test_the_reckoning_is_of_the_last_full_run(report: Report) -> None:
    """Workers, processes and cores on the page are a million divided by what that run has measured."""
    page = filled(PAGE.read_text())
    served, looped = report.sheets["served, requests/s"], report.sheets["end to end"]
    for what, each in [
        ("gunicorn workers, one event a request", served.median("decorated")),
        ("the same, with the journal", served.median("journal")),
        ("processes that emit in a loop", looped.median("decorated")),
    ]:
        assert abs(figure(page, "for a million", what) - 1_000_000 / each) <= 1
    cores = report.sheets["a request, process"].added("decorated", "no event")
    assert figure(page, "for a million", "cores that the events alone take") == pytest.approx(cores, abs=1)


def test_most_workers_would_be_there_without_events(report: Report) -> None:
    """The page says that most of them are there for the requests."""
    assert "Most of the workers would be there without any event" in PAGE.read_text()
    served = report.sheets["served, requests/s"]
    assert served.median("decorated") / served.median("no event") > 1 / 2


def test_bytes_are_those_of_a_purchase() -> None:
    """The MB/s are a million of the records whose size stands above them."""
    page = filled(PAGE.read_text())
    size = figure(page, "measured", "bytes of a purchase in the format `cloudevents`")
    assert figure(page, "for a million", "MB/s into the brokers, before compression") == pytest.approx(
        size, abs=1
    )


def figure(page: str, table: str, what: str) -> float:
    """The figure of a row in one of the page's two tables."""
    part = page.partition(f"| {table}")[2]
    found = re.search(rf"^\| {re.escape(what)} \| ([\d,.]+) \|$", part, re.MULTILINE)
    assert found is not None, what
    return float(found[1].replace(",", ""))
