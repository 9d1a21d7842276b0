"""`flask kafka-events journal`: what people do with files that no process uses."""

import errno
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click import ClickException
from confluent_kafka import KafkaError

from flask_kafka_events import terminal
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.journal.claim import take
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import DeadLetter
from flask_kafka_events.journal.reading import JournalReader
from flask_kafka_events.journal_choice import chosen, directory_at_hand, taken
from tests.limits import rights_of_files_kept
from tests.sending import Shop, shop
from tests.unit.test_journaling import files, is_law_kept, journaling, number_of, rows


def run(held: Shop, *words: str, status: int = 0, answer: str | None = None) -> str:
    """What the command prints, standard error after standard output."""
    result = held.app.test_cli_runner().invoke(kafka_events, ["journal", *words], input=answer)
    assert result.exit_code == status, result.output
    return str(result.stdout + result.stderr)


def left(folder: Path, count: int) -> Path:
    """The file that an app leaves with so many events that its broker didn't answer to."""
    before = files(folder)
    with journaling(folder, answers=False) as held:
        for number in range(count):
            held.mine.emit("sold", {"number": number}, key=f"player {number}")
    (path,) = set(files(folder)) - set(before)
    return path


def refused(folder: Path, count: int) -> Path:
    """The file that an app leaves with so many dead letters."""
    with journaling(folder, answer=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)) as held:
        for number in range(count):
            held.mine.emit("sold", {"number": number}, key="ana")
        assert held.mine.flush(5)
    (path,) = files(folder, ".dead")
    return path


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """While this lasts a file has an owner."""
    claim = take(path.with_suffix(".lock"))
    assert claim is not None
    yield
    claim.release()


# What each command prints, and what it says, where nothing is kept.
NOTHING = [
    (("ls",), "", "Nothing is kept in {}.\n"),
    (("dead", "ls"), "", "There are no dead letters in {}.\n"),
    (("replay",), "", "Nothing waits in {} that no living process has (0 in use).\n"),
    (("export",), "", "There is nothing to export in {}.\n"),
    (("drop", "--all"), "Deleted 0 event(s).\n", ""),
    (("dead", "retry"), "0 dead letter(s) wait again.\n", ""),
    (("dead", "drop", "--all"), "Deleted 0 dead letter(s).\n", ""),
]
EVERY = [(*words, "--yes") if "--all" in words else words for words, _, _ in NOTHING]


def test_files_are_listed_with_what_they_hold(tmp_path: Path) -> None:
    """Whose each is, how many events and dead letters are in it, how old, how big; and why one can't be read."""
    dead, waits, used = refused(tmp_path, 1), left(tmp_path, 2), left(tmp_path, 3)
    (tmp_path / "shop" / "old.corrupt").write_bytes(b"x" * 10)
    strange = tmp_path / "shop" / "z.journal"
    strange.write_text("strange " * 100)
    with journaling(tmp_path) as held, in_use(used):
        lines = [
            re.sub(r"oldest \d+ s", "oldest N s", re.sub(r"  +", "  ", line))
            for line in run(held, "ls").splitlines()
        ]
    size = waits.stat().st_size
    adopted = (
        "The next process that emits, or `flask kafka-events journal replay`, copies what can be read of it."
    )
    assert lines == [
        f"{waits.name}  left  2 waiting  0 dead  oldest N s  {size} bytes",
        f"{used.name}  in use  3 waiting  0 dead  oldest N s  {size} bytes",
        "z.journal  left  0 waiting  0 dead  oldest -  800 bytes",
        f"{dead.name}  dead letters  0 waiting  1 dead  oldest N s  {size} bytes",
        "old.corrupt  damaged  0 waiting  0 dead  oldest -  10 bytes",
        f"Journal {strange} is damaged: file is not a database. {adopted}",
    ]


def test_nothing_is_said_to_be_there(tmp_path: Path) -> None:
    """A directory that was never made is no error, but said: the setting may be another one than the processes'."""
    where = tmp_path / "none" / "shop"
    missing = (
        f"There is no directory {where}: the app's processes make it at their first event, or their "
        f"KAFKA_EVENTS_JOURNAL is another.\n"
    )
    with journaling(tmp_path / "none") as held:
        for words, printed, said in NOTHING:
            assert run(held, *words) == printed + missing + said.format(where), words
        assert list(tmp_path.iterdir()) == []
        where.mkdir(parents=True, mode=0o700)
        for words, printed, said in NOTHING:
            assert run(held, *words) == printed + said.format(where), words


def test_an_app_without_a_journal_is_told_so() -> None:
    """The message names the setting."""
    with shop() as held:
        assert "App 'shop' has no journal. Set KAFKA_EVENTS_JOURNAL" in run(held, "ls", status=1)


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_directory_that_is_none_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Where a file is in its way each command says what, where and what next, and changes nothing."""
    (tmp_path / "file").touch()
    with journaling(tmp_path / "file" / "journal") as held:
        said = run(held, *words, status=1)
    where = tmp_path / "file" / "journal" / "shop"
    assert said == (
        f"Error: Journal directory {where} can't be used: Not a directory. Check its rights, run this as the app's own "
        f"user, or name in KAFKA_EVENTS_JOURNAL the directory that its processes use.\n"
    )


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize(
    ("locked", "mode"), [("journal", 0o000), ("journal/shop", 0o300), ("journal/shop", 0o600)]
)
def test_a_directory_without_rights_is_told(
    tmp_path: Path, words: tuple[str, ...], locked: str, mode: int
) -> None:
    """What may not be listed or entered isn't taken for empty, and is no traceback either."""
    path = left(tmp_path / "journal", 1)
    (tmp_path / locked).chmod(mode)
    try:
        with journaling(tmp_path / "journal") as held, rights_of_files_kept():
            said = run(held, *words, status=1)
    finally:
        (tmp_path / locked).chmod(0o700)
    assert said.startswith(f"Error: Journal directory {path.parent} can't be used: Permission denied. Check")
    assert len(rows(tmp_path / "journal")) == 1


def test_another_users_directory_is_refused(tmp_path: Path) -> None:
    """What this user makes in there, a lock file say, the app's own user couldn't open."""
    left(tmp_path, 1)
    (tmp_path / "shop").rename(tmp_path / "elsewhere")
    (tmp_path / "shop").symlink_to(tmp_path / "elsewhere")
    with journaling(tmp_path) as held:
        assert "is a link or another user's. Use it as that user" in run(held, "ls", status=1)


def test_what_was_left_is_replayed_in_order(tmp_path: Path) -> None:
    """`replay` sends what dead processes left, oldest first, and says how much; the files are gone then."""
    left(tmp_path, 3)
    left(tmp_path, 2)
    with journaling(tmp_path) as held:
        assert run(held, "replay") == "Sent 5 event(s).\n"
        assert [number_of(event) for event in held.sent()] == [0, 1, 2, 0, 1]
        assert is_law_kept(held)
    assert list((tmp_path / "shop").iterdir()) == []


def test_a_replay_without_a_broker_gives_up_and_loses_nothing(tmp_path: Path) -> None:
    """After so many seconds without an acknowledgement it ends with the next step, and the events stay."""
    left(tmp_path, 2)
    with journaling(tmp_path, answers=False) as held:
        said = run(held, "replay", "--wait", "0.3", status=1)
    assert "2 event(s) still wait in" in said
    assert "acknowledged nothing for 0.3 s. Check that it is running" in said
    assert len(rows(tmp_path)) == 2


def test_a_replay_tells_what_is_refused(tmp_path: Path) -> None:
    """What the broker refuses for good becomes a dead letter, and the command says where to look."""
    left(tmp_path, 1)
    with journaling(tmp_path, answer=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)) as held:
        said = run(held, "replay", status=1)
        assert "Sent 0 event(s).\n" in said
        assert f"1 event(s) were refused and are dead letters in {tmp_path / 'shop'} now: " in said
        assert "`flask kafka-events journal dead ls` says why." in said
        assert is_law_kept(held)
    assert len(files(tmp_path, ".dead")) == 1


def test_a_replay_needs_a_broker_to_be_named(tmp_path: Path) -> None:
    """Without one nothing is adopted: the message names the setting."""
    path = left(tmp_path, 1)
    with journaling(tmp_path, BOOTSTRAP_SERVERS=None) as held:
        assert "KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set" in run(held, "replay", status=1)
    assert files(tmp_path) == [path]


def test_events_are_exported_and_stay(tmp_path: Path) -> None:
    """Each is a JSON object on a line of its own, with topic, key, attributes and data; a named file alone if wanted."""
    first, second = left(tmp_path, 2), left(tmp_path, 1)
    with journaling(tmp_path) as held:
        lines = [json.loads(line) for line in run(held, "export").splitlines() if line.startswith("{")]
        assert [line["data"]["number"] for line in lines] == [0, 1, 0]
        assert (lines[0]["topic"], lines[0]["key"], lines[0]["type"]) == ("shop_events", "player 0", "sold")
        assert run(held, "export", second.name).count('"topic"') == 1
    assert files(tmp_path) == [first, second]
    assert len(rows(tmp_path)) == 3


def test_what_is_no_event_is_exported_as_it_is(tmp_path: Path) -> None:
    """A record that nobody can read as an event is printed with key and value."""
    path = left(tmp_path, 1)
    db = sqlite3.connect(path)
    db.execute("UPDATE record SET headers = x'90', value = x'ff00'")
    db.commit()
    db.close()
    with journaling(tmp_path) as held:
        line = next(line for line in run(held, "export").splitlines() if line.startswith("{"))
    assert json.loads(line) == {"topic": "shop_events", "key": "player 0", "value": "\\xff\x00"}


def test_a_file_in_use_is_refused(tmp_path: Path) -> None:
    """Named it is an error that says what to do; among all it is left alone, and that is said."""
    path, used = left(tmp_path, 1), left(tmp_path, 1)
    with journaling(tmp_path) as held, in_use(used):
        for words in (("export", used.name), ("drop", used.name, "--yes"), ("dead", "retry", used.name)):
            assert f"{used.name} is in use by a living process" in run(held, *words, status=1)
        said = run(held, "drop", "--all", "--yes")
        assert f"{used.name} is in use by a living process" in said
        assert said.count("It was left alone.") == 1
        assert "Deleted 1 event(s)." in said
        assert not path.exists()
        assert "(1 in use)" in run(held, "replay")
    assert files(tmp_path) == [used]
    assert len(rows(tmp_path)) == 1


def test_a_file_taken_meanwhile_is_refused(tmp_path: Path) -> None:
    """Between the list and the taking another process may adopt it."""
    path = left(tmp_path, 1)
    with journaling(tmp_path) as held, held.app.app_context():
        directory = directory_at_hand()
        (holding,) = chosen(directory, ())
        with in_use(path), pytest.raises(ClickException, match="is in use"), taken(directory, holding):
            pass
    assert files(tmp_path) == [path]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """One of a newer version is told with its next step, and left alone."""
    path = left(tmp_path, 1)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with journaling(tmp_path) as held:
        assert "has layout 99" in run(held, "drop", path.name, "--yes", status=1)
        assert "has layout 99" in run(held, "dead", "retry")
    assert files(tmp_path) == [path]


@pytest.mark.parametrize(
    ("words", "asked", "waiting", "dead"),
    [(("drop",), "3 event(s)", 0, 1), (("dead", "drop"), "1 dead letter(s)", 3, 0)],
)
def test_one_kind_is_dropped_and_the_other_stays(
    tmp_path: Path, words: tuple[str, ...], asked: str, waiting: int, dead: int
) -> None:
    """What was asked for goes, after a question that says how much; a no changes nothing."""
    path = left(tmp_path, 4)
    with closing(JournalFile(path)) as file:
        last = list(file.records())[-1]
        file.bury([DeadLetter(entry=last, reason="X", explanation="Y")])
    with journaling(tmp_path) as held:
        said = run(held, *words, path.name, answer="n\n", status=1)
        assert f"Delete {asked} of these files? Nothing brings them back." in said
        assert (len(rows(tmp_path)), len(rows(tmp_path, "dead"))) == (3, 1)
        assert f"Deleted {asked}." in run(held, *words, path.name, answer="y\n")
    assert (len(rows(tmp_path)), len(rows(tmp_path, "dead"))) == (waiting, dead)


def test_a_damaged_file_is_no_longer_the_commands(tmp_path: Path) -> None:
    """Named, it is said where its events are."""
    left(tmp_path, 1)
    (tmp_path / "shop" / "old.corrupt").touch()
    with journaling(tmp_path) as held:
        assert "old.corrupt was set aside as damaged" in run(held, "drop", "old.corrupt", "--yes", status=1)


def test_a_deletion_names_its_files_or_all(tmp_path: Path) -> None:
    """Neither is an accident that would delete everything; an unknown name is no accident either."""
    left(tmp_path, 1)
    with journaling(tmp_path) as held:
        assert "or give --all" in run(held, "drop", status=2)
        assert "or give --all" in run(held, "dead", "drop", "x.journal", "--all", status=2)
        assert "There is no journal file 'x.journal' in" in run(held, "drop", "x.journal", status=1)
    assert len(rows(tmp_path)) == 1


def test_dead_letters_are_listed_with_the_reason(tmp_path: Path) -> None:
    """File, id, type, topic, reason and what to do, a line for each."""
    path = refused(tmp_path, 2)
    (first, second) = rows(tmp_path, "dead")
    with journaling(tmp_path) as held:
        lines = run(held, "dead", "ls").splitlines()
    assert [line.split("  ")[:5] for line in lines] == [
        [path.name, id_, "sold", "shop_events", "TOPIC_AUTHORIZATION_FAILED"] for id_ in (first, second)
    ]
    assert all("Give the app's user the right" in line for line in lines)


def test_dead_letters_are_exported_with_the_reason(tmp_path: Path) -> None:
    """With the whole event, so that a person can mend and send it by other means."""
    refused(tmp_path, 1)
    with journaling(tmp_path) as held:
        said = run(held, "export", "--dead")
        assert '"topic"' not in run(held, "export")
    line = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert line["reason"] == "TOPIC_AUTHORIZATION_FAILED"
    assert line["data"] == {"number": 0}
    assert len(rows(tmp_path, "dead")) == 1


def test_dead_letters_are_sent_again(tmp_path: Path) -> None:
    """Once the cause is gone they arrive, with their ids, in their old order."""
    refused(tmp_path, 3)
    ids = rows(tmp_path, "dead")
    with journaling(tmp_path) as held:
        said = run(held, "dead", "retry")
        assert said.startswith("3 dead letter(s) wait again.\n")
        assert "Sent 3 event(s)." in said
        assert [event.id for event in held.sent()] == ids
    assert list((tmp_path / "shop").iterdir()) == []


def test_dead_letters_beside_what_waits_are_sent_again_too(tmp_path: Path) -> None:
    """A file may hold both, or only what waits: that is sent by the way."""
    left(tmp_path, 1)
    with closing(JournalFile(left(tmp_path, 2))) as file:
        last = list(file.records())[-1]
        file.bury([DeadLetter(entry=last, reason="X", explanation="Y")])
    with journaling(tmp_path) as held:
        said = run(held, "dead", "retry")
        assert said.startswith("1 dead letter(s) wait again.\n")
        assert "Sent 3 event(s)." in said


def test_a_reader_that_has_seen_enough_is_not_told_of_the_disk() -> None:
    """`export | head` ends as a pipe's writer does."""
    with pytest.raises(BrokenPipeError), terminal.told():
        raise BrokenPipeError


def test_a_standard_output_that_takes_nothing_is_told() -> None:
    """`export > /dev/full`: the error names no file."""
    with (
        pytest.raises(ClickException, match=r"Standard output: No space left on device\. Check"),
        terminal.told(),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_dead_letters_are_dropped(tmp_path: Path) -> None:
    """After a question; a file that held nothing else is gone."""
    path = refused(tmp_path, 2)
    with journaling(tmp_path) as held:
        assert "Deleted 0 event(s)." in run(held, "drop", "--all", "--yes")
        assert "Delete 2 dead letter(s) of" in run(held, "dead", "drop", path.name, answer="y\n")
    assert list((tmp_path / "shop").iterdir()) == []


def test_dead_letters_that_somebody_reads_are_sent_later(tmp_path: Path) -> None:
    """What a reader lets SQLite keep beside the file would stay behind: it keeps its name, and nothing is changed."""
    path = refused(tmp_path, 1)
    with journaling(tmp_path) as held:
        with closing(JournalReader(path)) as reader:
            assert reader.count_dead() == 1
            assert "is read by another program" in run(held, "dead", "retry", status=1)
        assert files(tmp_path, ".dead") == [path]
        assert "Sent 1 event(s)." in run(held, "dead", "retry")
        assert len(held.sent()) == 1


def test_a_file_of_the_other_name_is_never_overwritten(tmp_path: Path) -> None:
    """A copy that somebody put there keeps dead letters where they are."""
    path = refused(tmp_path, 1)
    copy = path.with_suffix(".journal")
    shutil.copyfile(path, copy)
    with journaling(tmp_path) as held:
        assert f"or there is {copy.name} too" in run(held, "dead", "retry", path.name, status=1)
    assert (files(tmp_path), files(tmp_path, ".dead")) == ([copy], [path])


def test_a_retry_that_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    """Whatever it got to: what waits in a file of dead letters is sent by the next one."""
    path = refused(tmp_path, 2)
    with closing(JournalFile(path)) as file:
        assert file.revive() == 2
    with journaling(tmp_path) as held:
        assert "0 dead letter(s) wait again." in run(held, "dead", "retry")
        assert "Sent 2 event(s)." in run(held, "replay")


def test_a_file_that_goes_while_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    """Its owner may finish at any moment."""
    path = left(tmp_path, 1)
    (beside := path.with_name(f"{path.name}.copy")).symlink_to(tmp_path / "gone")
    with journaling(tmp_path) as held:
        assert "1 waiting" in run(held, "ls")
    beside.unlink(missing_ok=True)


def test_trouble_with_the_disk_is_told(tmp_path: Path) -> None:
    """A lock that can't be looked at ends a command with a sentence and no traceback."""
    path = left(tmp_path, 1)
    lock = path.with_suffix(".lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()
    with journaling(tmp_path) as held:
        assert "Too many levels of symbolic links" in run(held, "ls", status=1)


def test_an_emit_that_is_not_acknowledged_is_said_to_wait(tmp_path: Path) -> None:
    """Nobody is told to emit again what the journal will send."""
    with journaling(tmp_path, answers=False) as held:
        result = held.app.test_cli_runner().invoke(kafka_events, ["emit", "tick", "--wait", "0.1"])
        assert "waits in the journal, for the next process or `journal replay`" in result.stderr
    assert len(rows(tmp_path)) == 1


def test_a_bar_shows_how_far_long_work_is(tmp_path: Path) -> None:
    """On a terminal `replay` draws it; an export whose lines go to the same terminal doesn't."""
    left(tmp_path, 2)
    code = tmp_path / "mine.py"
    code.write_text(
        "from flask import Flask\nfrom flask_kafka_events import KafkaEvents\n"
        "app = Flask('shop')\napp.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS='127.0.0.1:1',"
        f" KAFKA_EVENTS_TOPIC='shop_events', KAFKA_EVENTS_JOURNAL={str(tmp_path)!r})\nKafkaEvents(app)\n"
    )
    command = [sys.executable, "-m", "flask", "--app", str(code), "kafka-events", "journal"]
    assert "Sending" in _on_a_terminal([*command, "replay", "--wait", "0.2"])
    exported = _on_a_terminal([*command, "export"])
    assert exported.count('"topic"') == 2
    assert "Exporting" not in exported
    shutil.rmtree(tmp_path / "shop")


def _on_a_terminal(command: list[str]) -> str:
    screen, terminal = pty.openpty()
    try:
        subprocess.run(command, stdout=terminal, stderr=terminal, check=False, timeout=30)
        return os.read(screen, 100_000).decode()
    finally:
        os.close(screen)
        os.close(terminal)
