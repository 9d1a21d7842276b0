"""The outage and the soak, short; `python -m tests.faults.outage` and `.soak` run them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.outage import outage
from tests.faults.soak import soak

if TYPE_CHECKING:
    from tests.faults.stage import Stage


def test_outage_fills_the_disk_and_not_the_memory(stage: Stage) -> None:
    """Twenty thousand events wait in the journal for brokers that are away, and all arrive, in order, beside new ones."""
    report = outage(stage, 20_000)
    assert not report.wrong(), f"{report.wrong()}\n{report.text()}"


def test_faults_at_random_lose_nothing(stage: Stage) -> None:
    """What some faults leave, chosen by the dice of a known seed, is on its topic, and the journal is empty again."""
    report = soak(stage, seconds=20, rate=100, seed=4)
    assert not report.wrong(), f"{report.wrong()}\n{report.text()}"
