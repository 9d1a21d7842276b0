"""What is in an app's journal files, as SQLite itself reads them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.processes import wait_until


def ids_on_disk(directory: Path, table: str) -> set[str]:
    """The ids in a table of all files, of which each is there once; files may come and go meanwhile."""
    found: list[str] = []
    wait_until(lambda: _can_read(directory, table, found), "the files can be read")
    assert len(found) == len(set(found))
    return set(found)


def _can_read(directory: Path, table: str, found: list[str]) -> bool:
    found.clear()
    for path in (*directory.glob("*.journal"), *directory.glob("*.dead")):
        try:
            # By SQLite: open() and close() would drop the locks that this process holds on its own files.
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                found += [id_ for (id_,) in db.execute(f"SELECT id FROM {table}")]  # noqa: S608
        except sqlite3.OperationalError:  # it had served its time and was removed meanwhile
            return False
    return True
