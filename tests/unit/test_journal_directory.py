"""Whose a journal file is: one living process's, whatever became of the one that made it."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.claim import take
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.owned import OwnedJournal
from tests.leash import leashed
from tests.limits import descriptors, largest_file, rights_of_files_kept
from tests.unit.test_journal_file import dead, entry

#: A process that makes a journal with three records, says so, and waits for its end.
OWNER = """
import logging, sys
from pathlib import Path
from flask_kafka_events.app_log import AppLog
from flask_kafka_events.journal.directory import JournalDirectory
from tests.unit.test_journal_file import entry

directory = JournalDirectory(Path(sys.argv[1]), "shop", sync="process", log=AppLog(logging.getLogger))
owned = directory.create()
owned.file.append([entry(1), entry(2)])
{more}
owned.file.append([entry(3)])
print(owned.file.path, flush=True)
sys.stdin.read()
"""

FORKS = """
import os, signal
for _ in range(2):
    child = os.fork()
    if child == 0 and _ == 0:
        sys.exit()  # as any program ends, with all that runs at the exit
    if child == 0:
        signal.pause()
    if _ == 0:
        os.waitpid(child, 0)
    else:
        print(child, flush=True)
"""


@pytest.fixture
def lines() -> list[str]:
    """What the log says."""
    return []


@pytest.fixture
def directory(tmp_path: Path, lines: list[str]) -> JournalDirectory:
    """The journal directory of an app called shop."""

    class Lines:
        def log(self, _level: int, message: str, *args: object, **_: object) -> None:
            lines.append(message % args)

    return JournalDirectory(tmp_path, "shop", sync="process", log=AppLog(Lines))  # type: ignore[arg-type]


@pytest.fixture
def owned(directory: JournalDirectory) -> Iterator[OwnedJournal]:
    """A journal of this process, with one record."""
    made = directory.create()
    made.file.append([entry(1)])
    yield made
    made.file.close()
    made.claim.release()


def killed_owner(tmp_path: Path, more: str = "") -> list[str]:
    """Run an owner, kill it, and return what it printed."""
    command = leashed(sys.executable, "-c", OWNER.format(more=more), str(tmp_path))
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said: list[str] = []
    assert owner.stdout is not None
    while not said or not said[-1].endswith(".journal"):
        line = owner.stdout.readline()
        assert line, "the owner failed"
        said.append(line.strip())
    owner.kill()
    owner.wait()
    assert owner.stdin is not None
    owner.stdin.close()
    owner.stdout.close()
    return said


def test_what_a_killed_process_left_is_adopted_once(directory: JournalDirectory, tmp_path: Path) -> None:
    """After kill -9 the first who looks gets the file with all records, the second gets nothing."""
    (path,) = killed_owner(tmp_path)
    (adopted,) = directory.orphans()
    assert str(adopted.file.path) == path
    assert [each.seq for each in adopted.file.records()] == [1, 2, 3]
    assert list(directory.orphans()) == []
    adopted.file.forget([1, 2, 3])
    adopted.give_up()
    assert list(directory.path.iterdir()) == []


def test_forked_children_neither_close_nor_keep_their_parents_file(
    directory: JournalDirectory, tmp_path: Path
) -> None:
    """One child exits before the owner's last write, another still lives after its death: all rows are adopted."""
    child, path = killed_owner(tmp_path, FORKS)
    (adopted,) = directory.orphans()
    os.kill(int(child), 9)
    assert str(adopted.file.path) == path
    assert [each.seq for each in adopted.file.records()] == [1, 2, 3]
    adopted.file.close()
    adopted.claim.release()


@pytest.mark.parametrize("last_act", ["", "owned.give_up()"])
def test_a_forked_child_adopts_its_dead_parents_file(tmp_path: Path, last_act: str) -> None:
    """A child that inherited the file open takes a copy in its place, and loses nothing and doubles nothing."""
    script = (
        OWNER.format(more="")
        .replace("print(owned.file.path, flush=True)\nsys.stdin.read()", "")
        .replace(
            "owned.file.append([entry(3)])",
            f"owned.file.append([entry(3)])\n{ADOPTING_CHILD}\n{last_act}\nos._exit(0)",
        )
    )
    command = leashed(sys.executable, "-c", script, str(tmp_path))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=30)
    assert done.stdout.split() == ["[1,", "2,", "3]"]
    assert list((tmp_path / "shop").iterdir()) == []


ADOPTING_CHILD = """
import os, signal, time
parent, before = os.pipe(), owned.file.path.stat().st_ino
if os.fork() == 0:
    os.close(parent[1])
    os.read(parent[0], 1)  # until the parent is dead
    (adopted,) = directory.orphans()
    assert adopted.file.path.stat().st_ino != before
    print([each.seq for each in adopted.file.records()], flush=True)
    adopted.file.forget([1, 2, 3])
    adopted.give_up()
    os._exit(0)
"""


def test_a_living_owners_file_is_nobody_elses(
    directory: JournalDirectory, owned: OwnedJournal, tmp_path: Path
) -> None:
    """Neither this process again nor another one gets a file that is in use."""
    assert list(directory.orphans()) == []
    other = OWNER.format(more="print(list(directory.orphans()))")
    command = leashed(sys.executable, "-c", other, str(tmp_path))
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.startswith("[]\n")
    owned.file.forget([1])
    owned.give_up()


def test_files_are_handed_on_oldest_first(directory: JournalDirectory) -> None:
    """Each file that was left with records comes, in the order in which they were made."""
    left = [directory.create() for _ in range(3)]
    for number, each in enumerate(left):
        each.file.append([entry(number + 1)])
        each.give_up()
    adopted = list(directory.orphans())
    assert [[row.seq for row in each.file.records()] for each in adopted] == [[1], [2], [3]]
    for each in adopted:
        each.file.remove()
        each.claim.release(remove=True)


def test_what_holds_nothing_is_removed(directory: JournalDirectory) -> None:
    """An empty file goes with its owner, and one that an owner left empty goes at the next look."""
    directory.create().give_up()
    assert list(directory.path.iterdir()) == []
    (directory.path / "0.journal").touch()
    assert list(directory.orphans()) == []
    assert list(directory.path.iterdir()) == []


def test_dead_letters_alone_are_kept_for_a_person(directory: JournalDirectory) -> None:
    """A file of dead letters is renamed, so that no process adopts it."""
    owned = directory.create()
    owned.file.bury([dead(1)])
    owned.give_up()
    (left,) = directory.files(".dead")
    assert list(directory.orphans()) == []
    assert list(directory.path.iterdir()) == [left]


def test_nobody_else_can_read_a_journal(directory: JournalDirectory, owned: OwnedJournal) -> None:
    """The directory is 0700, each file in it 0600, also where the directory was made by hand."""
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in directory.path.iterdir()} == {0o600}
    directory.path.chmod(0o755)
    other = directory.create()
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    other.give_up()
    assert owned.file.count() == 1


def test_a_directory_that_is_a_link_is_refused(directory: JournalDirectory, tmp_path: Path) -> None:
    """Who made the link could read what is written behind it."""
    (tmp_path / "elsewhere").mkdir()
    directory.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match=r"shop is a link or another user's\. Use it"):
        directory.create()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_is_a_link_is_not_adopted(
    directory: JournalDirectory, owned: OwnedJournal, tmp_path: Path, lines: list[str]
) -> None:
    """A link among the files is told and left."""
    (tmp_path / "theirs").write_bytes(owned.file.path.read_bytes())
    (directory.path / "0.journal").symlink_to(tmp_path / "theirs")
    assert list(directory.orphans()) == []
    assert "0.journal is no file but a link or the like. Remove it." in lines[0]
    assert (directory.path / "0.journal").is_symlink()


def test_a_lock_that_is_a_link_is_not_followed(
    directory: JournalDirectory, owned: OwnedJournal, tmp_path: Path, lines: list[str]
) -> None:
    """Nor is a link in a lock's place."""
    (directory.path / "0.journal").touch()
    (directory.path / "0.lock").symlink_to(tmp_path / "theirs")
    assert list(directory.orphans()) == []
    assert "0.journal can't be used: Too many levels of symbolic links." in lines[0]
    assert not (tmp_path / "theirs").exists()
    assert owned.file.count() == 1


def test_a_directory_that_cannot_be_made_says_the_next_step(tmp_path: Path) -> None:
    """A file in the directory's place needs another path, a directory that may not be written the right to."""
    (tmp_path / "file").touch()
    directory = JournalDirectory(tmp_path / "file", "shop", sync="process", log=AppLog(lambda: None))  # type: ignore[arg-type,return-value]
    with pytest.raises(
        JournalError,
        match=r"can't be used: Not a directory\. There can't be .* name another in KAFKA_EVENTS_J",
    ):
        directory.create()
    assert directory.files(".journal") == []
    (tmp_path / "locked").mkdir(mode=0o500)
    directory = JournalDirectory(tmp_path / "locked", "shop", sync="process", log=AppLog(lambda: None))  # type: ignore[arg-type,return-value]
    with (
        rights_of_files_kept(),
        pytest.raises(JournalError, match=r"Permission denied\. Let the app's user write there"),
    ):
        directory.create()


@pytest.mark.parametrize("name", ["..", ".", "a/b", "Käse\udc80", "%2E"])
def test_any_apps_name_makes_a_directory_of_its_own(tmp_path: Path, name: str) -> None:
    """Whatever an app is called, its directory lies in the root, and is no other app's."""
    made = JournalDirectory(tmp_path, name, sync="power", log=AppLog(lambda: None))  # type: ignore[arg-type,return-value]
    owned = made.create()
    assert owned.file.path.parent.parent == tmp_path
    owned.give_up()


def test_a_damaged_file_is_set_aside_whole(directory: JournalDirectory, lines: list[str]) -> None:
    """What can be read from both ends of the damage is handed on; the file is kept as it was found."""
    owned = directory.create()
    owned.file.append([entry(seq, value=b"x" * 2_000) for seq in range(1, 2001)])
    owned.give_up()
    path = owned.file.path
    found = bytearray(path.read_bytes())
    middle = len(found) // 2 // 4096 * 4096
    found[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(found)
    (adopted,) = directory.orphans()
    read = [each.seq for each in adopted.file.records()]
    assert 1_900 < len(read) < 2_000
    assert read == sorted(set(read))
    assert path.with_suffix(".corrupt").read_bytes() == found
    assert "could be read and are sent" in lines[0]
    assert f"{len(read)} event(s)" in lines[0]
    adopted.file.remove()
    adopted.claim.release(remove=True)


def test_records_in_the_wal_of_a_damaged_file_are_read_too(
    directory: JournalDirectory, tmp_path: Path
) -> None:
    """A killed owner leaves its last records in the WAL: they are salvaged with the rest."""
    (path,) = killed_owner(tmp_path)
    assert Path(f"{path}-wal").stat().st_size
    claim = take(Path(path).with_suffix(".lock"))
    assert claim is not None
    owned = directory.rescue(Path(path), claim, "It is damaged.")
    assert [each.seq for each in owned.file.records()] == [1, 2, 3]
    assert Path(path).with_suffix(".corrupt").exists()
    owned.file.remove()
    owned.claim.release(remove=True)


def test_a_file_of_nonsense_is_set_aside_and_told(
    directory: JournalDirectory, owned: OwnedJournal, lines: list[str]
) -> None:
    """Where nothing can be read the file is kept all the same, and nothing is handed on."""
    (directory.path / "0.journal").write_text("nonsense " * 1000)
    assert list(directory.orphans()) == []
    assert (directory.path / "0.corrupt").read_text() == "nonsense " * 1000
    assert "0 event(s) in it could be read" in lines[0]
    assert owned.file.count() == 1


def test_a_newer_versions_file_is_left_and_told_once(
    directory: JournalDirectory, owned: OwnedJournal, lines: list[str]
) -> None:
    """During a rolling upgrade the old version doesn't touch what the new one wrote."""
    owned.file._db.execute("PRAGMA user_version = 9")  # noqa: SLF001 - as a later version would
    owned.file.close()
    owned.claim.release()
    for _ in range(2):
        assert list(directory.orphans()) == []
    assert len(lines) == 1
    assert "has layout 9" in lines[0]
    assert owned.file.path.exists()


def test_an_owner_that_cannot_read_its_file_leaves_it(owned: OwnedJournal) -> None:
    """Giving up a file that is closed or broken releases the claim and removes nothing."""
    owned.file.close()
    with pytest.raises(JournalError, match="is closed"):
        owned.give_up()
    assert owned.file.path.exists()
    again = take(owned.claim.path)
    assert again is not None
    owned.claim.release()
    assert take(owned.claim.path) is None, "the new claim is not the old one's to release"
    again.release()


def test_a_claim_needs_a_lock_file(tmp_path: Path) -> None:
    """One that isn't there is claimed by nobody; what can't be opened is an error each time, and no claim."""
    assert take(tmp_path / "a.lock") is None
    (tmp_path / "file").touch()
    for _ in range(2):
        with pytest.raises(NotADirectoryError):
            take(tmp_path / "file" / "a.lock")


def test_a_claim_that_was_released_is_lost(tmp_path: Path) -> None:
    """It isn't taken again behind its back, and no descriptor is closed that has its number by now."""
    claim = take(tmp_path / "a.lock", create=True)
    assert claim is not None
    claim.release()
    others = os.open(tmp_path / "others", os.O_CREAT | os.O_RDWR)
    assert claim.is_lost()
    assert not claim.is_in_place()
    again = take(tmp_path / "a.lock")
    assert again is not None
    again.release()
    os.close(others)


def test_a_file_that_went_meanwhile_is_nobodys(directory: JournalDirectory, owned: OwnedJournal) -> None:
    """Between the look and the claim its owner may have finished: no lock file is left of that."""
    before = sorted(directory.path.iterdir())
    assert directory.adopt(directory.path / "gone.journal") is None
    assert sorted(directory.path.iterdir()) == before
    assert owned.file.count() == 1


def test_a_lock_file_replaced_meanwhile_is_no_claim(tmp_path: Path, mocker: MockerFixture) -> None:
    """What was locked must be what is at the path: an owner that had nothing left has removed it."""
    lock = tmp_path / "a.lock"
    lock.touch()

    def replaced(*_: object) -> None:
        lock.unlink()
        lock.touch()

    mocker.patch("fcntl.lockf", side_effect=replaced)
    assert take(lock) is None
    mocker.stopall()
    claim = take(lock)
    assert claim is not None
    claim.release(remove=True)


def test_a_rescue_without_room_changes_nothing(directory: JournalDirectory, lines: list[str]) -> None:
    """Where the copy of what can be read doesn't fit on the disk, the damaged file waits where it is."""
    owned = directory.create()
    owned.file.append([entry(seq, value=b"x" * 2_000) for seq in range(1, 2001)])
    owned.give_up()
    path = owned.file.path
    content = bytearray(path.read_bytes())
    content[-8_192:] = b"\xff" * 8_192
    path.write_bytes(content)
    with largest_file(400_000):
        assert list(directory.orphans()) == []
    assert "Make room on the disk" in lines[0]
    assert directory.files(".journal") == [path]
    (adopted,) = directory.orphans()
    assert adopted.file.count() > 1_900
    adopted.file.remove()
    adopted.claim.release(remove=True)


def test_a_copy_has_all(directory: JournalDirectory, owned: OwnedJournal) -> None:
    """Records and dead letters, at their places."""
    owned.file.bury([dead(7)])
    copy = directory.copy(owned.file)
    assert list(copy.file.records()) == [entry(1)]
    assert list(copy.file.dead_letters()) == [dead(7)]
    copy.file.remove()
    copy.claim.release(remove=True)


def test_a_copy_without_room_leaves_nothing_behind(directory: JournalDirectory, owned: OwnedJournal) -> None:
    """Half a copy, left in the directory, would be sent by whoever adopts it later, a second time."""
    owned.file.append([entry(seq, value=b"x" * 2_000) for seq in range(2, 2001)])
    with largest_file(400_000), pytest.raises(JournalError, match="Make room on the disk"):
        directory.copy(owned.file)
    assert directory.files(".journal") == [owned.file.path]
    assert directory.files(".lock") == [owned.claim.path]
    assert owned.file.count() == 2_000


def test_a_file_that_cannot_be_created_leaves_no_claim(directory: JournalDirectory) -> None:
    """Each further attempt would cost another descriptor and another lock file."""
    directory.create().give_up()
    next_free = os.dup(0)
    os.close(next_free)
    with descriptors(next_free + 1), pytest.raises(JournalError, match="Too many open files"):
        directory.create()
    assert list(directory.path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 8_192, 28_672])
def test_a_file_that_has_no_room_leaves_nothing_behind(directory: JournalDirectory, room: int) -> None:
    """Each further attempt on a full disk would cost another log of SQLite's."""
    directory.create().give_up()
    with largest_file(room), pytest.raises(JournalError, match="Make room on the disk"):
        directory.create()
    assert list(directory.path.iterdir()) == []


def test_half_a_copy_of_a_killed_process_is_removed(directory: JournalDirectory, tmp_path: Path) -> None:
    """Whoever takes the file that it is a copy of removes it, and touches no other's and none that may be the only one."""
    (path,) = killed_owner(tmp_path)
    mine = [Path(f"{path}.copy"), Path(f"{path}-wal.copy")]
    others = [directory.path / "gone.journal.copy", directory.path / "gone.journal-wal.copy"]
    for each in mine + others:
        each.write_bytes(b"half")
    (adopted,) = directory.orphans()
    assert [each.exists() for each in mine + others] == [False, False, True, True]
    assert adopted.file.count() == 3
    adopted.file.remove()
    adopted.claim.release(remove=True)
