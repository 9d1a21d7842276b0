"""What the speed layer has counted: read from its database, for the page's panel."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

_LATEST: Final = """
    SELECT window_start, player, type, purchases FROM totals
    ORDER BY window_start DESC, purchases DESC, player, type LIMIT 20
"""


def speed_layer_totals(database: str | None) -> list[dict[str, Any]] | None:
    """The latest windows' totals; None where there is no database that has any.

    Args:
        database: the SQLite file, as `GAME_SPEED_LAYER_DB` names it; None for none.
    """
    if database is None or not Path(database).is_file():
        return None
    # Half made, or locked for the moment: the page asks again in a second.
    with suppress(sqlite3.Error), closing(_opened(database)) as connection:
        return [dict(row) for row in connection.execute(_LATEST)]
    return None


def _opened(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{Path(database).absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
    connection.row_factory = sqlite3.Row
    return connection
