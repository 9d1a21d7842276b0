"""`KAFKA_EVENTS_JOURNAL` is an absolute path on a local disk."""

from pathlib import Path

import pytest

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.journal_rules import read_journal_directory
from flask_kafka_events.setting_values import Place

PLACE = Place(app_name="shop", setting="KAFKA_EVENTS_JOURNAL")


def mounts(tmp_path: Path, *lines: str) -> Path:
    """A table of what is mounted."""
    table = tmp_path / "mountinfo"
    table.write_text("\n".join(("22 1 0:20 / / rw shared:1 - ext4 /dev/vda1 rw", *lines)))
    return table


@pytest.mark.parametrize("value", ["/var/lib/shop", Path("/var/lib/shop")])
def test_a_local_directory_is_taken_as_it_is(value: object, tmp_path: Path) -> None:
    """It need not exist."""
    assert read_journal_directory(value, PLACE, mounts=mounts(tmp_path)) == Path("/var/lib/shop")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("journal", "must be an absolute path of a directory"),
        (7, "must be text"),
        ("", "is empty"),
    ],
)
def test_another_value_says_what_is_wanted(value: object, text: str) -> None:
    """A relative path would be another directory under each server."""
    with pytest.raises(ConfigurationError, match=text):
        read_journal_directory(value, PLACE)


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    """No directory can ever be made there, nor below it."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (loop, loop / "journal"):
        with pytest.raises(ConfigurationError, match=r"KAFKA_EVENTS_JOURNAL.*symbolic links"):
            read_journal_directory(str(path), PLACE)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused(kind: str, tmp_path: Path) -> None:
    """The error names it and says what to do; a mount point may have a space in its name."""
    table = mounts(tmp_path, f"40 22 0:40 / /mnt/the\\040share rw - {kind} host:/x rw")
    with pytest.raises(
        ConfigurationError, match=rf"network file system \({kind}\).*Name a directory on a local"
    ):
        read_journal_directory("/mnt/the share/journal", PLACE, mounts=table)
    read_journal_directory("/mnt/local", PLACE, mounts=table)


@pytest.mark.parametrize("path", ["/proc/x", "/proc/1/x/y"])
def test_a_file_system_that_keeps_no_files_is_refused(path: str, tmp_path: Path) -> None:
    """No process of the app could ever make a directory there."""
    table = mounts(tmp_path, "26 22 0:24 / /proc rw - proc proc rw")
    with pytest.raises(ConfigurationError, match=r"is on proc, a file system .* Name a directory on a local"):
        read_journal_directory(path, PLACE, mounts=table)


def test_where_the_kernel_tells_no_mounts_none_is_refused(tmp_path: Path) -> None:
    """Not every system has that table."""
    path = read_journal_directory("/x", PLACE, mounts=tmp_path / "none")
    assert path == Path("/x")
    (tmp_path / "empty").touch()
    assert read_journal_directory("/x", PLACE, mounts=tmp_path / "empty") == path
