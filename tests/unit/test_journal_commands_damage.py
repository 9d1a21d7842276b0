"""`flask kafka-events journal` on damaged files: what can be read is had, and a person is told how."""

import sqlite3
from pathlib import Path

from .test_journal_commands import in_use, left, refused, run
from .test_journaling import files, journaling


def damage(path: Path, table: str) -> None:
    """Make a table of a file unreadable, or an index."""
    db = sqlite3.connect(path)
    ((page,),) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
    db.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(content)


def test_dead_letters_in_a_damaged_file_are_sent_again(tmp_path: Path) -> None:
    """A retry that finds the damage goes on with what can be read; the file is kept, whole."""
    path = refused(tmp_path, 3)
    damage(path, "record")
    content = path.read_bytes()
    with journaling(tmp_path) as held:
        assert "3 dead letter(s) wait again" in run(held, "dead", "retry")
        assert held.mine.stats().delivered == 3
    assert path.with_suffix(".corrupt").read_bytes() == content


def test_dead_letters_that_cannot_even_be_counted_can_be_had(tmp_path: Path) -> None:
    """A retry says what to do first; that done, what can be read of them is sent."""
    path = refused(tmp_path, 3)
    damage(path, "record_by_topic")
    with journaling(tmp_path) as held:
        said = run(held, "dead", "retry")
        target = path.with_suffix(".journal")
        assert f"is malformed. Rename it to {target.name}: then the next process that emits" in said
        assert "0 dead letter(s) wait again" in said
        path.rename(target)
        assert "Nothing waits" in run(held, "replay")
    with journaling(tmp_path) as held:
        assert "3 dead letter(s) wait again" in run(held, "dead", "retry")
        assert held.mine.stats().delivered == 3


def test_a_damaged_file_of_what_waits_needs_nobody(tmp_path: Path) -> None:
    """It is said that it is adopted, and what can be read of it then is sent."""
    path = left(tmp_path, 2)
    damage(path, "record_by_topic")
    with journaling(tmp_path) as held:
        with in_use(path):
            assert "is malformed. Its owner copies what can be read of it." in run(held, "ls")
        assert "is malformed. The next process that emits" in run(held, "ls")
        assert "Sent 2 event(s)." in run(held, "replay")
    assert files(tmp_path, ".corrupt") == [path.with_suffix(".corrupt")]
