"""The rows of the table of faults that take seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.account import table
from tests.faults.stage import ALL_ROWS

if TYPE_CHECKING:
    from tests.faults.rows import Row
    from tests.faults.stage import Stage

QUICK = [row for row in ALL_ROWS if not row.long]


@pytest.mark.parametrize("row", QUICK, ids=[row.name for row in QUICK])
def test_fault_loses_nothing_that_is_not_told(stage: Stage, row: Row) -> None:
    """Each answered request's event is on its topic or accounted for, in order, and no request was slow."""
    outcomes = stage.run(row)
    assert outcomes
    assert all(outcome.verdict.startswith("ok") for outcome in outcomes), "\n" + table(outcomes)
