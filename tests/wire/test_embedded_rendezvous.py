"""The directory in which the users of an embedded broker find it."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flask_kafka_events.embedded.rendezvous import Broker, Rendezvous, meeting_place
from flask_kafka_events.errors import EmbeddedBrokerError
from tests.processes import wait_until

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


def soon() -> float:
    """A deadline that a test can wait for."""
    return time.monotonic() + 5


def broker_in(folder: Path, pid: int = 1) -> Broker:
    """A broker that claims to be in a folder."""
    return Broker(address="127.0.0.1:9", pid=pid, control=str(folder / "control.sock"))


@pytest.fixture
def place(tmp_path: Path) -> Rendezvous:
    """A meeting place that nobody has been to."""
    return meeting_place(tmp_path)


@pytest.fixture
def temporary(tmp_path: Path, mocker: MockerFixture) -> Path:
    """A temporary directory of the test's own."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    mocker.patch.object(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def unusable(tmp_path: Path) -> Path:
    """A directory that can't be made, for root neither: its parent is a file."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "instance"


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_everything_is_private(tmp_path: Path) -> None:
    """The folder is for its user only, and so is each file in it, also under a generous umask."""
    before = os.umask(0)
    try:
        place = meeting_place(tmp_path / "new" / "instance")
        with place.joining(soon()):
            os.close(place.enter(soon()))
        place.announce(broker_in(place.folder))
    finally:
        os.umask(before)
    assert mode(place.folder) == 0o700
    assert {path.name: mode(path) for path in place.folder.iterdir()} == {
        "broker.json": 0o600,
        "joining.lock": 0o600,
        "users.lock": 0o600,
    }


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    """A folder of ours that others can read is made private."""
    folder = tmp_path / "embedded-broker"
    folder.mkdir()
    folder.chmod(0o755)
    meeting_place(tmp_path)
    assert mode(folder) == 0o700


def test_an_unusable_directory_has_a_spare_one(unusable: Path, temporary: Path) -> None:
    """Where the directory can't be made, all who want it meet in one private temporary directory."""
    place = meeting_place(unusable)
    assert place.folder.parent == temporary
    assert mode(place.folder) == 0o700
    assert meeting_place(unusable).folder == place.folder
    assert meeting_place(unusable.parent / "other").folder != place.folder


def test_a_symlink_is_no_folder(tmp_path: Path, temporary: Path) -> None:
    """A folder that is a symbolic link is not followed: the spare one is used."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "embedded-broker").symlink_to(tmp_path / "elsewhere")
    assert meeting_place(tmp_path).folder.parent == temporary


def test_a_planted_spare_directory_is_refused(unusable: Path, temporary: Path, tmp_path: Path) -> None:
    """A symbolic link in the place of the spare directory is refused, and the error says what to do."""
    spare = meeting_place(unusable).folder
    spare.rmdir()
    (tmp_path / "trap").mkdir()
    spare.symlink_to(tmp_path / "trap")
    with pytest.raises(EmbeddedBrokerError, match=r"can use neither .* that this user owns and can write"):
        meeting_place(unusable)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away; run the tests as root")
def test_somebody_elses_spare_directory_is_refused(unusable: Path, temporary: Path) -> None:
    """A spare directory that belongs to another user is refused."""
    spare = meeting_place(unusable).folder
    os.chown(spare, 12345, -1)
    with pytest.raises(EmbeddedBrokerError, match="is not a directory of this user"):
        meeting_place(unusable)


def test_users_are_seen_until_they_leave(place: Rendezvous) -> None:
    """A place is in use as long as any of its users has not left."""
    users = [place.enter(soon()) for _ in range(2)]
    for descriptor in users:
        assert place.in_use()
        os.close(descriptor)
    assert not place.in_use()


def test_a_removed_folder_counts_as_in_use(place: Rendezvous) -> None:
    """Where the folder is gone, nobody can tell whether it is in use, and it can't be vacated."""
    place.folder.rmdir()
    assert place.in_use()
    assert not place.vacate(broker_in(place.folder))


def test_a_used_place_is_not_vacated(place: Rendezvous) -> None:
    """A place with a user keeps its files."""
    broker = broker_in(place.folder)
    place.announce(broker)
    descriptor = place.enter(soon())
    assert not place.vacate(broker)
    assert place.announced() == broker
    os.close(descriptor)
    assert place.vacate(broker)
    assert not list(place.folder.iterdir())


def test_nobody_leaves_while_somebody_joins(place: Rendezvous) -> None:
    """A place that somebody is just joining is not vacated."""
    broker = broker_in(place.folder)
    place.announce(broker)
    with place.joining(soon()):
        assert not place.vacate(broker)
    assert place.announced() == broker


def test_one_joins_after_the_other(place: Rendezvous) -> None:
    """Who joins waits for the one before, and gives up with an error when that takes too long."""
    with (
        place.joining(soon()),
        pytest.raises(EmbeddedBrokerError, match=r"held the lock .*joining\.lock for too long"),
        place.joining(time.monotonic() + 0.02),
    ):
        pytest.fail("joined at the same time")  # pragma: no cover


@pytest.mark.parametrize("successor", [False, True])
def test_a_lock_that_was_removed_meanwhile_is_not_held(place: Rendezvous, *, successor: bool) -> None:
    """Who waited for a lock whose file was removed takes the lock on the new file instead."""
    lock = place.folder / "joining.lock"
    joined: list[int] = []

    def wait_and_join() -> None:
        with place.joining(soon()):
            joined.append(lock.stat().st_ino)

    with place.joining(soon()):
        waiting = threading.Thread(target=wait_and_join)
        waiting.start()
        wait_until(lambda: descriptors_of(lock) == 2, "the other waits for the lock")
        # Kept under another name, so that the new file can't get its inode.
        lock.rename(place.folder / "old.lock")
        if successor:
            lock.touch(0o600)
    waiting.join()
    assert joined == [lock.stat().st_ino]
    assert joined != [(place.folder / "old.lock").stat().st_ino]


def descriptors_of(path: Path) -> int:
    """How often this process has a file open."""
    found, count = path.stat(), 0
    for descriptor in range(3, 64):
        with suppress(OSError):
            count += os.path.samestat(os.fstat(descriptor), found)
    return count


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"address": 1}'])
def test_a_damaged_file_announces_nobody(place: Rendezvous, content: bytes) -> None:
    """A file that can't be read as a broker is treated as none."""
    (place.folder / "broker.json").write_bytes(content)
    assert place.announced() is None


def test_a_successor_is_left_alone(place: Rendezvous, tmp_path: Path) -> None:
    """A broker that withdraws removes its own socket and its directory, not what its successor announced."""
    (tmp_path / "socket").mkdir()
    old = broker_in(tmp_path / "socket")
    Path(old.control).touch()
    place.announce(broker_in(place.folder, pid=2))
    place.withdraw(old)
    assert place.announced() == broker_in(place.folder, pid=2)
    assert not (tmp_path / "socket").exists()
