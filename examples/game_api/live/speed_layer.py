"""What the speed layer has counted, and of whom it alerted: read from its database, for the page's panel."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

# Only of the latest windows: the totals are sums, which a day's windows would take a while to make.
_LATEST: Final = {
    "totals": """
        SELECT window_start, player, type, purchases FROM totals WHERE window_start IN
            (SELECT DISTINCT window_start FROM partition_totals ORDER BY window_start DESC LIMIT 3)
        ORDER BY window_start DESC, purchases DESC, player, type LIMIT 20
    """,
    "alerts": """
        SELECT window_start, window_end, player, swords, cause_id, announced FROM alerts
        ORDER BY window_start DESC, player LIMIT 5
    """,
}

#: The latest rows, by table.
Results: TypeAlias = dict[str, list[dict[str, Any]]]


class SpeedLayer:
    """Another program's results.

    Args:
        database: its SQLite file, as `GAME_SPEED_LAYER_DB` names it to both, as a URL too; None for none.
    """

    def __init__(self, database: str | None) -> None:
        self._file = None if database is None else Path(database.removeprefix("sqlite:///"))
        self._last: Results | None = None

    def results(self) -> Results | None:
        """The latest windows' totals and alerts; None where there is no database that has any."""
        if self._file is None or not self._file.is_file():
            return None
        # Half made, or locked for the moment: the page asks again in a second.
        with suppress(sqlite3.Error), closing(_opened(self._file)) as connection:
            self._last = {
                table: [dict(row) for row in connection.execute(query)] for table, query in _LATEST.items()
            }
        return self._last


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
    connection.row_factory = sqlite3.Row
    return connection
