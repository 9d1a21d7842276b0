"""Totals: what every layer gives, so that they can be compared."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

#: How many purchases: by the start of their window (seconds since the epoch, UTC), the player and the event's type.
Totals: TypeAlias = dict[tuple[int, str, str], int]


def read_totals(results: Path) -> Totals:
    """The totals in a SQLite file that Spark wrote; none where it hasn't written any yet."""
    if not results.exists():
        return {}
    with closing(sqlite3.connect(f"{results.absolute().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT window_start, player, type, count FROM purchases")
        return {(start, player, type_): count for start, player, type_, count in rows}
