"""What the speed layer has counted, and of whom it alerted: read from its database, for the page's panel."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

_LATEST: Final = {
    "totals": """
        SELECT window_start, player, type, purchases FROM totals
        ORDER BY window_start DESC, purchases DESC, player, type LIMIT 20
    """,
    "alerts": """
        SELECT window_start, player, swords, cause_id, announced FROM alerts
        ORDER BY window_start DESC, player LIMIT 5
    """,
}

#: The latest rows, by table.
Results: TypeAlias = dict[str, list[dict[str, Any]]]


def speed_layer_results(database: str | None) -> Results | None:
    """The latest windows' totals and alerts; None where there is no database that has any.

    Args:
        database: the SQLite file, as `GAME_SPEED_LAYER_DB` names it; None for none.
    """
    if database is None or not Path(database).is_file():
        return None
    # Half made, or locked for the moment: the page asks again in a second.
    with suppress(sqlite3.Error), closing(_opened(database)) as connection:
        return {table: [dict(row) for row in connection.execute(query)] for table, query in _LATEST.items()}
    return None


def _opened(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{Path(database).absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
    connection.row_factory = sqlite3.Row
    return connection
