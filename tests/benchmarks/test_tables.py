"""What is printed of figures says what they say."""

from __future__ import annotations

import pytest

from benchmarks.goals import GOALS
from benchmarks.sheets import Report, Sheet
from benchmarks.tables import goals_of, table_of, worse


def report(sheets: dict[str, dict[str, list[float]]], unit: str = "µs") -> Report:
    """A report of these figures."""
    taken = {name: Sheet(unit=unit, figures=figures) for name, figures in sheets.items()}
    return Report(taken="now", machine="here", versions={}, sheets=taken)


def test_a_table_shows_least_median_and_most() -> None:
    """Of each variant, however the blocks came."""
    line = table_of("row", Sheet(unit="µs", figures={"ours": [3.0, 1.0, 2.5]})).splitlines()[1]
    assert line.split() == ["ours", "1.00", "2.50", "3.00"]


def test_what_is_added_is_the_median_of_neighbours() -> None:
    """A drift of the machine, which meets neighbours alike, doesn't show."""
    sheet = Sheet(unit="µs", figures={"no event": [10.0, 20.0, 40.0], "ours": [13.0, 23.0, 43.0]})
    assert sheet.added("ours", "no event") == 3.0
    assert sheet.ratio("ours", "no event") == 23 / 20


@pytest.mark.parametrize(("figure", "is_met"), [(1.29, True), (1.31, False)])
def test_a_goal_that_is_not_met_is_told(figure: float, is_met: bool) -> None:
    """The whole run fails with it; goals that weren't measured say nothing."""
    sheet = {"flask, confluent_kafka": [1.0], "with ours": [figure]}
    text, all_met = goals_of(report({"import, wall": sheet}))
    assert all_met is is_met
    assert text.startswith("met" if is_met else "NOT MET")
    assert len(text.splitlines()) == 1 < len(GOALS)


def test_worse_is_what_lies_beyond_the_noise() -> None:
    """Against the floor of its own run, so that a slower machine is no slower code."""
    old = report({"row": {"floor": [1.0] * 8, "ours": [2.0, 2.1, 2.2, 2.3] * 2}})
    slower_machine = report({"row": {"floor": [3.0] * 8, "ours": [6.0, 6.3, 6.6, 6.9] * 2}})
    slower_code = report({"row": {"floor": [1.0] * 8, "ours": [2.5, 2.6, 2.7, 2.8] * 2}})
    assert worse(slower_machine, old) == ([], [])
    assert worse(slower_code, old) == (["row: ours was 2.15 times floor, is 2.65"], [])
    assert worse(old, slower_code) == ([], [])


def test_of_rates_less_is_worse() -> None:
    """Half as many events a second are no improvement."""
    old = report({"row": {"floor": [100.0] * 4, "ours": [50.0] * 4}}, "1/s")
    slower = report({"row": {"floor": [100.0] * 4, "ours": [25.0] * 4}}, "1/s")
    assert worse(slower, old) == (["row: ours was 0.50 times floor, is 0.25"], [])
    assert worse(old, slower) == ([], [])


def test_few_figures_say_nothing() -> None:
    """Of three there are no quartiles worth the name."""
    old, new = (report({"row": {"floor": [1.0] * 3, "ours": [figure] * 3}}) for figure in (2.0, 9.0))
    assert worse(new, old) == ([], ["row: ours"])


def test_what_the_other_run_lacks_is_told() -> None:
    """A comparison of nothing is none."""
    new = report({"row": {"floor": [1.0] * 4, "ours": [2.0] * 4}})
    assert worse(new, report({"other": {"floor": [1.0] * 4}})) == ([], ["row: ours"])


def test_a_peer_that_costs_nothing_meets_no_goal() -> None:
    """What is divided by noise is no ratio."""
    goal = next(each for each in GOALS if "confluent produce in the view" in each.what)
    noise = {"no event": [9.0] * 4, "confluent": [8.0] * 4, "decorated": [20.0] * 4}
    figure = goal.figure(report({goal.sheet: noise}))
    assert figure is not None
    assert not goal.is_met(figure)
