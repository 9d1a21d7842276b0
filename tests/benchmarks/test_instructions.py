"""An event takes no more instructions than it did."""

from __future__ import annotations

import pytest

from benchmarks.instructions import allowed, counted, kept, ratios
from tests.parts import requires


@requires("valgrind")
def test_an_event_takes_no_more_instructions_than_it_did() -> None:
    """Counted by callgrind, as ratios to an event written by hand in the same run."""
    known = kept()
    if not known:
        pytest.skip("Nobody has counted with this Python. To do so: python -m benchmarks.instructions --keep")
    found = ratios(counted())
    assert found.keys() == known.keys()
    grown = {name: (ratio, known[name]) for name, ratio in found.items() if ratio > allowed(known[name])}
    assert not grown, "python -m benchmarks.instructions shows them; --keep where the growth is worth it"
