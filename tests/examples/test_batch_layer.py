"""What the batch layer says where it can't begin, and how a comparison goes red; its counting is test_same_totals.py's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from examples.game_api.batch_layer import environment
from examples.game_api.batch_layer.__main__ import main, shown
from examples.game_api.batch_layer.totals import read_totals
from tests.examples.same_totals.comparison import differences, table

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_795_608_000


def test_the_embedded_broker_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Spark's client can't read it, so the command says what to name instead."""
    with pytest.raises(SystemExit):
        main(["--servers", "embedded"])
    assert "name an Apache Kafka by --servers" in capsys.readouterr().err


def test_a_tool_that_fails_is_quoted() -> None:
    """Where uv or Maven fails, its own words are in the error."""
    with pytest.raises(RuntimeError, match=r"could not be made(?s:.*)no network here"):
        environment.run(sys.executable, "-c", "raise SystemExit('no network here')")


def test_a_job_that_wrote_nothing_has_no_totals(tmp_path: Path) -> None:
    """A stream that was killed before its first batch was over."""
    assert read_totals(tmp_path / "stream.sqlite") == {}


def test_totals_are_shown_by_minute() -> None:
    """The newest are shown, a line each, in UTC."""
    line = shown({(NOON, "ana", "purchased_sword"): 1234})
    assert line.split() == ["2026-11-25", "12:00", "ana", "purchased_sword", "1,234"]


def test_one_purchase_more_or_less_is_a_difference() -> None:
    """A total that is missing, one too many, and one in another window: each is named, and the table says so."""
    played = {(NOON, "ana", "purchased_sword"): 2, (NOON, "bob", "purchased_knife"): 1}
    other = {(NOON, "ana", "purchased_sword"): 3, (NOON + 60, "bob", "purchased_knife"): 1}
    assert differences({"played": played, "other": other}) == [
        "12:00 'ana' purchased_sword: other has 3, played 2",
        "12:00 'bob' purchased_knife: other has 0, played 1",
        "12:01 'bob' purchased_knife: other has 1, played 0",
    ]
    assert table({"played": played, "other": other}).endswith("3 totals differ")
    assert table({"played": played, "other": played}).endswith("all equal")
