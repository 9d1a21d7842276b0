"""`journal ls` and `journal dead ls`: for a person, for a program, and while files come and go."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.inventory import dead_letters, holdings
from flask_kafka_events.journal.layout import DeadLetter, Entry
from flask_kafka_events.journal_choice import directory_at_hand
from flask_kafka_events.terminal import age
from tests.sending import Shop
from tests.unit.test_journal_commands import left, refused, run
from tests.unit.test_journaling import journaling, rows


def directory_in(folder: Path) -> JournalDirectory:
    """The shop's, as a command has it."""
    with journaling(folder) as held, held.app.app_context():
        return directory_at_hand()


def oldest(held: Shop) -> datetime | None:
    """When the oldest event in the only file happened, as `ls --json` tells it."""
    (file,) = json.loads(run(held, "ls", "--json"))["files"]
    return None if file["oldest"] is None else datetime.fromisoformat(file["oldest"])


def time_of(entry: Entry) -> datetime:
    """When its event happened."""
    return msgspec.convert(json.loads(entry.record.value)["time"], datetime)


def test_files_are_listed_for_a_program(tmp_path: Path) -> None:
    """`ls --json` is one object: the directory, and of each file its name, state, counts, oldest event, bytes, trouble."""
    before = datetime.now(timezone.utc)
    dead, waits = refused(tmp_path, 1), left(tmp_path, 2)
    strange = tmp_path / "shop" / "z.journal"
    strange.write_text("strange " * 100)
    with journaling(tmp_path) as held:
        said = json.loads(run(held, "ls", "--json"))
    times = [file.pop("oldest") for file in said["files"]]
    assert said == {
        "directory": str(tmp_path / "shop"),
        "files": [
            {
                "name": waits.name, "state": "left", "waiting": 2, "dead": 0, "bytes": waits.stat().st_size,
                "trouble": None,
            },
            {
                "name": "z.journal", "state": "left", "waiting": 0, "dead": 0, "bytes": 800,
                "trouble": f"Journal {strange} is damaged: file is not a database. The next process that emits, or "
                "`flask kafka-events journal replay`, copies what can be read of it.",
            },
            {
                "name": dead.name, "state": "dead letters", "waiting": 0, "dead": 1, "bytes": dead.stat().st_size,
                "trouble": None,
            },
        ],
    }  # fmt: skip
    assert times[1] is None
    assert before < datetime.fromisoformat(times[2]) < datetime.fromisoformat(times[0])


def test_the_oldest_event_is_the_first_that_is_still_there(tmp_path: Path) -> None:
    """Of what waits and of the dead letters; an unreadable one has no age, and none has none."""
    path = left(tmp_path, 3)
    with closing(JournalFile(path)) as file:
        first, second, third = file.records()
        file.forget([first.seq])
        file.bury([DeadLetter(entry=second, reason="X", explanation="Y")])
    with journaling(tmp_path) as held:
        assert oldest(held) == time_of(second)
        run(held, "dead", "drop", "--all", "--yes")
        assert oldest(held) == time_of(third)
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE record SET headers = x'90', value = x'ff00'")
            db.commit()
        assert oldest(held) is None
        with closing(JournalFile(path)) as file:
            file.drop_waiting()
        assert oldest(held) is None


def test_dead_letters_are_listed_for_a_program(tmp_path: Path) -> None:
    """`dead ls --json` is one object too: the directory, and each letter with its file and reason."""
    path = refused(tmp_path, 2)
    with journaling(tmp_path) as held:
        said = json.loads(run(held, "dead", "ls", "--json"))
    assert said["directory"] == str(tmp_path / "shop")
    assert [letter["id"] for letter in said["dead_letters"]] == rows(tmp_path, "dead")
    letter = said["dead_letters"][0]
    assert list(letter) == ["file", "id", "type", "topic", "reason", "explanation"]
    assert (letter["file"], letter["type"], letter["topic"]) == (path.name, "sold", "shop_events")
    assert letter["reason"] == "TOPIC_AUTHORIZATION_FAILED"
    assert "Give the app's user the right" in letter["explanation"]


def test_an_empty_list_is_an_object_too(tmp_path: Path) -> None:
    """A program finds empty lists; what is said to a person goes to standard error."""
    where = tmp_path / "shop"
    where.mkdir(mode=0o700)
    with journaling(tmp_path) as held:
        files, _, said = run(held, "ls", "--json").partition("\n")
        assert (json.loads(files), said) == (
            {"directory": str(where), "files": []},
            f"Nothing is kept in {where}.\n",
        )
        letters, _, said = run(held, "dead", "ls", "--json").partition("\n")
        assert (json.loads(letters), said) == (
            {"directory": str(where), "dead_letters": []},
            f"There are no dead letters in {where}.\n",
        )


def test_a_file_that_goes_while_files_are_listed_is_passed_over(tmp_path: Path) -> None:
    """Its owner exits between the listing and the reading; the others are listed."""
    first, gone, last = (left(tmp_path, 1) for _ in range(3))
    found = holdings(directory_in(tmp_path))
    assert next(found).path == first
    gone.unlink()
    assert [each.path for each in found] == [last]


def test_a_file_that_goes_while_dead_letters_are_listed_is_passed_over(tmp_path: Path) -> None:
    """The same for dead letters; a file that stays and can't be read still ends the list with its error."""
    paths = [left(tmp_path, 1) for _ in range(2)]
    for path in paths:
        with closing(JournalFile(path)) as file:
            file.bury([DeadLetter(entry=entry, reason="X", explanation="Y") for entry in file.records()])
    found = dead_letters(directory_in(tmp_path))
    assert next(found)[0] == paths[0]
    paths[1].unlink()
    assert list(found) == []
    strange = tmp_path / "shop" / "z.journal"
    strange.write_text("strange " * 100)
    with journaling(tmp_path) as held:
        assert f"Error: Journal {strange} is damaged" in run(held, "dead", "ls", status=1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-30, "0 s"), (0.5, "0 s"), (59, "59 s"), (61, "1 min"), (3_599, "59 min"), (7_205, "2 h"),
        (86_399, "23 h"), (8_640_001, "100 d"),
    ],
)  # fmt: skip
def test_age_is_told_in_the_largest_unit(seconds: float, said: str) -> None:
    """A moment to come, by another clock, is now."""
    assert age(datetime.now(timezone.utc) - timedelta(seconds=seconds)) == said
