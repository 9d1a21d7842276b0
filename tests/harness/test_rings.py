"""A test's directory is its ring."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.rings import CHILD_COVERAGE, MEASURED, RINGS, ring_of
from tests.side_by_side import COMPUTING, WAITING

TESTS = Path(__file__).parents[1]


def test_the_directory_is_the_marker(request: pytest.FixtureRequest) -> None:
    """This very test carries its directory's marker, without having asked for it."""
    assert request.node.get_closest_marker("harness") is not None


def test_a_slow_ring_is_not_measured(request: pytest.FixtureRequest) -> None:
    """Outside the measured rings neither the test nor its children add to the coverage."""
    assert "harness" not in MEASURED
    assert request.node.get_closest_marker("no_cover") is not None
    assert CHILD_COVERAGE not in os.environ


def test_a_file_in_no_ring_is_refused() -> None:
    """A test laid into a directory of no ring is an error that names the rings."""
    with pytest.raises(pytest.UsageError, match=r"is in no ring.*unit, .*packaging"):
        ring_of(TESTS / "misc" / "test_it.py", TESTS)


def test_what_lies_outside_has_no_ring() -> None:
    """Tests elsewhere, a doctest of the package for example, are left as they are."""
    assert ring_of(TESTS.parent / "flask_kafka_events" / "event.py", TESTS) is None


def test_each_ring_is_in_one_half() -> None:
    """The two runs at once are the whole suite, and nothing of it twice."""
    assert sorted([*COMPUTING, *WAITING]) == sorted(RINGS)
    assert all((TESTS / ring).is_dir() for ring in RINGS)
