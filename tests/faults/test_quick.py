"""The rows of the table of faults that take seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.account import table
from tests.faults.rows import Row
from tests.faults.stage import ALL_ROWS, Stage, staged
from tests.faults.subject import MODES
from tests.parts import need

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = [row for row in ALL_ROWS if not row.long]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three brokers for all rows."""
    need("java", "maven", "openssl")
    with staged(tmp_path_factory.mktemp("kafka-cluster"), MODES) as running:
        yield running


@pytest.mark.parametrize("row", QUICK, ids=[row.name for row in QUICK])
def test_fault_loses_nothing_that_is_not_told(stage: Stage, row: Row) -> None:
    """Each answered request's event is on its topic or accounted for, in order, and no request was slow."""
    outcomes = stage.run(row)
    assert outcomes
    assert all(outcome.verdict.startswith("ok") for outcome in outcomes), "\n" + table(outcomes)
