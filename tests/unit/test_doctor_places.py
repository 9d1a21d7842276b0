"""What `flask kafka-events doctor` knows of the server, the memory and the journal's disk."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events import KafkaEvents
from flask_kafka_events.doctor.process_checks import memory_bytes
from flask_kafka_events.doctor.serving import Serving, read_serving
from flask_kafka_events.journal.claim import take
from tests.limits import rights_of_files_kept
from tests.unit.diagnosis import diagnosed, found, good_app
from tests.unit.test_journal_commands import left, refused

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is made there


def journal_app(folder: Path, **settings: object) -> Flask:
    """A good app with a journal in this folder that needs little of the disk."""
    return good_app(JOURNAL=str(folder), JOURNAL_MAX_BYTES=8_000_000, **settings)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """While this lasts they are set."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def test_server_is_read_from_the_command_line_and_the_environment() -> None:
    """--workers goes before gunicorn's own words, and those before WEB_CONCURRENCY."""
    gunicorn = "--workers 4 -k gevent --timeout=0 --graceful-timeout 7 --preload"
    variables = {"WEB_CONCURRENCY": "3", "GUNICORN_CMD_ARGS": gunicorn}
    assert read_serving({}) == Serving()
    assert read_serving({"WEB_CONCURRENCY": "3"}).workers == 3
    assert read_serving(variables, 9).workers == 9
    assert read_serving(variables) == Serving(
        workers=4, worker_class="gevent", graceful_seconds=7, request_seconds=math.inf
    )


@given(
    st.text() | st.lists(st.sampled_from(["-w", "-k", "--timeout", "-t", "4", "0", "'", "x"])).map(" ".join)
)
def test_server_that_cannot_be_read_is_the_usual_one(line: str) -> None:
    """Whatever stands in the variables, the command goes on, with at least one worker."""
    serving = read_serving({"GUNICORN_CMD_ARGS": line, "WEB_CONCURRENCY": line})
    assert serving.workers >= 1
    assert serving.request_seconds > 0


@pytest.mark.parametrize(
    ("line", "settings", "check", "named"),
    [
        ("-k eventlet", {}, "eventlet", "eventlet"),
        ("-k gevent", {"JOURNAL_SYNC": "power"}, "gevent-journal-sync", "KAFKA_EVENTS_JOURNAL_SYNC"),
        ("--graceful-timeout 4", {}, "close-seconds", "kills it after 4 s"),
        ("-t 2", {"ON_FULL": "block", "BLOCK_SECONDS": 3.0}, "block-seconds", "after 2 s"),
        ("-w 100000", {}, "memory", "100000 worker(s)"),
    ],
)  # fmt: skip
def test_settings_are_held_against_gunicorns(
    line: str, settings: dict[str, object], check: str, named: str, tmp_path: Path
) -> None:
    """What GUNICORN_CMD_ARGS says makes a fault of settings that are right elsewhere."""
    settings = {"JOURNAL_MAX_BYTES": 2_000_000, **settings}

    def make() -> Flask:
        return good_app(JOURNAL=str(tmp_path / "journal"), **settings)

    assert found(make, "--offline") == []
    with environment(GUNICORN_CMD_ARGS=line):
        findings = diagnosed(make, "--offline")["findings"]
    (finding,) = [each for each in findings if each["check"] != "journal-space"]
    assert finding["check"] == check
    assert named in " ".join(finding.values())


def test_memory_is_the_containers_or_the_machines(tmp_path: Path) -> None:
    """The least of what cgroup 1, cgroup 2 and the kernel say; nothing where nobody says anything."""
    assert memory_bytes(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:        2048 kB\nMemFree:  1 kB\n")
    (tmp_path / "sys/fs/cgroup/memory").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert memory_bytes(tmp_path) == 2048 * 1024
    (tmp_path / "sys/fs/cgroup/memory/memory.limit_in_bytes").write_text("1000000\n")
    assert memory_bytes(tmp_path) == 1_000_000
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("5000\n")
    assert memory_bytes(tmp_path) == 5000


def test_journal_directory_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    """The first emit makes it, and doctor doesn't."""
    assert found(lambda: journal_app(tmp_path / "a" / "b"), "--offline") == []
    assert not (tmp_path / "a").exists()


def test_journal_directory_below_a_file_is_named(tmp_path: Path) -> None:
    """There can't be one."""
    (tmp_path / "file").touch()
    report = diagnosed(lambda: journal_app(tmp_path / "file" / "journal"), "--offline")
    (finding,) = report["findings"]
    assert (finding["check"], finding["where"]) == ("journal-directory", "KAFKA_EVENTS_JOURNAL")
    assert "Not a directory" in finding["problem"]


def test_journal_directory_of_somebody_else_is_named(tmp_path: Path) -> None:
    """A link in its place may lead to another user's."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shop").symlink_to(tmp_path / "elsewhere")
    (finding,) = diagnosed(lambda: journal_app(tmp_path), "--offline")["findings"]
    assert finding["check"] == "journal-directory"
    assert "is a link" in finding["problem"]


def test_journal_directory_without_rights_is_named(tmp_path: Path) -> None:
    """Its parent lets nobody write."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with rights_of_files_kept():
        (finding,) = diagnosed(lambda: journal_app(folder / "journal"), "--offline")["findings"]
    assert finding["check"] == "journal-directory"
    assert f"may not read and write in {folder}" in finding["problem"]


def test_lock_that_this_user_may_not_read_is_named(tmp_path: Path) -> None:
    """Somebody else's file in the app's directory."""
    lock = left(tmp_path, 1).with_suffix(".lock")
    lock.touch()
    lock.chmod(0)
    with rights_of_files_kept():
        (finding,) = diagnosed(lambda: journal_app(tmp_path), "--offline")["findings"]
    assert finding["check"] == "journal-directory"
    assert finding["problem"] == f"{lock}: Permission denied."


def test_journal_that_the_disk_has_no_room_for_is_named(tmp_path: Path) -> None:
    """16 TiB for each of three workers."""
    make = lambda: good_app(JOURNAL=str(tmp_path), JOURNAL_MAX_BYTES=2**44)  # noqa: E731 - one line says it
    (finding,) = diagnosed(make, "--offline", "--workers", "3")["findings"]
    assert finding["check"] == "journal-space"
    assert "3 worker(s) may need 50,331,648 MiB" in finding["problem"]


@pytest.mark.parametrize(("sync", "severity"), [("process", "warning"), ("power", "error")])
@pytest.mark.skipif(not IN_MEMORY.is_mount(), reason="there is no such file system here")
def test_journal_in_memory_is_named(sync: str, severity: str) -> None:
    """A tmpfs is gone with the machine; worse where the journal should survive a power loss."""
    make = lambda: journal_app(IN_MEMORY / "journal", JOURNAL_SYNC=sync)  # noqa: E731 - as above
    assert found(make, "--offline") == [("journal-volatile", severity)]


def test_events_that_a_dead_process_left_are_named(tmp_path: Path) -> None:
    """And those that the broker refused; a living process's file is none of them."""
    dead, path = refused(tmp_path, 3), left(tmp_path, 2)
    report = diagnosed(lambda: journal_app(tmp_path), "--offline")
    assert [(each["check"], each["where"]) for each in report["findings"]] == [
        ("journal-left", str(path)),
        ("journal-dead-letters", str(dead)),
    ]
    assert report["findings"][0]["problem"].startswith("2 event(s)")
    dead.unlink()
    claim = take(path.with_suffix(".lock"))
    assert claim is not None
    try:
        assert found(lambda: journal_app(tmp_path), "--offline") == []
    finally:
        claim.release()


def test_damaged_journal_files_are_named(tmp_path: Path) -> None:
    """One that can't be read, and one that was set aside."""
    path = left(tmp_path, 1)
    path.write_text("strange " * 100)
    path.with_suffix(".corrupt").touch()
    report = diagnosed(lambda: journal_app(tmp_path), "--offline")
    assert [each["check"] for each in report["findings"]] == ["journal-damaged"] * 2
    assert {each["where"] for each in report["findings"]} == {str(path), str(path.with_suffix(".corrupt"))}


def test_event_that_is_emitted_as_the_app_is_loaded_is_named() -> None:
    """A preloading server would fork behind it."""
    apps = []

    def make() -> Flask:
        app = good_app(BOOTSTRAP_SERVERS="127.0.0.1:9", CLOSE_SECONDS=0.1)
        KafkaEvents().for_app(app).emit("loaded")
        apps.append(app)
        return app

    (finding,) = diagnosed(make, "--offline")["findings"]
    KafkaEvents().for_app(apps[0]).close(0)
    assert finding["check"] == "client-before-fork"
    assert "emitted 1 event(s)" in finding["problem"]
