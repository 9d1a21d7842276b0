"""What a journal's file holds after a power loss, at both levels of `KAFKA_EVENTS_JOURNAL_SYNC`."""

from pathlib import Path

import pytest

from tests.faults.power import cuts, why_not


@pytest.mark.parametrize(("level", "is_safe"), [("power", True), ("process", False)])
def test_power_loss_costs_what_the_level_says(tmp_path: Path, level: str, *, is_safe: bool) -> None:
    """At `power` every event whose emit had returned is on the disk; at `process` the last ones are not.

    The second half shows that the first one can fail. Whether a machine may mount a file is no part that could be
    installed, so that this skips also in CI.
    """
    if reason := why_not():
        pytest.skip(reason)
    emitted, losses = cuts(tmp_path, level, 3)
    assert emitted > 150
    assert (max(losses) == 0) is is_safe
