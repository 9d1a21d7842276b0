"""The rings of the suite: a test's directory is its marker.

Coverage is measured over the fast rings, so that 100 % can be seen on a machine without Java.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RINGS = (
    "unit",
    "harness",
    "wire",
    "examples",
    "servers",
    "kafka",
    "faults",
    "benchmarks",
    "packaging",
    "engines",
    "long",
)
MEASURED = frozenset({"unit", "wire"})

# What coverage hands to child processes; without it they run unmeasured, and at their own speed.
CHILD_COVERAGE = "COVERAGE_PROCESS_CONFIG"


def ring_of(path: Path, tests: Path) -> str | None:
    """The ring of a test file below the directory `tests`; None for one that lies outside."""
    if not path.is_relative_to(tests):
        return None
    ring = path.relative_to(tests).parts[0]
    if ring not in RINGS:
        raise pytest.UsageError(f"{path} is in no ring. Put it into one of: {', '.join(RINGS)}.")
    return ring


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its ring, and let the fast rings run first."""
    order: dict[str, int] = {}
    for item in items:
        ring = ring_of(item.path, item.config.rootpath / "tests")
        if ring is None:
            continue
        item.add_marker(ring)
        order[item.nodeid] = RINGS.index(ring)
        if ring not in MEASURED:
            item.add_marker("no_cover")
    items.sort(key=lambda item: order.get(item.nodeid, 0))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep the children of the slow rings unmeasured."""
    handed_over = os.environ.get(CHILD_COVERAGE)
    if handed_over is None or item.get_closest_marker("no_cover") is None:
        return (yield)
    del os.environ[CHILD_COVERAGE]
    try:
        return (yield)
    finally:
        os.environ[CHILD_COVERAGE] = handed_over
