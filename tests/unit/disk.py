"""What is in an app's journal files, which come and go."""

import sqlite3
from pathlib import Path

from tests.journals import Table, ids_in
from tests.processes import wait_until


def ids_on_disk(directory: Path, table: Table) -> set[str]:
    """The ids in a table of all files, of which each is there once; files may come and go meanwhile."""
    found: list[str] = []
    wait_until(lambda: _can_read(directory, table, found), "the files can be read")
    assert len(found) == len(set(found))
    return set(found)


def _can_read(directory: Path, table: Table, found: list[str]) -> bool:
    try:
        found[:] = ids_in(directory, table)
    except sqlite3.OperationalError:  # one had served its time and was removed meanwhile
        return False
    return True
