"""A process's own journal file is made once, and by nobody who would leave it behind."""

import threading
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.owned import OwnedJournal
from tests.processes import wait_until

from .test_journaling import files, is_law_kept, journaling, told


def test_those_who_wait_for_an_opening_that_fails_begin_none(tmp_path: Path, mocker: MockerFixture) -> None:
    """A slow disk costs threads that emit at once one attempt, not one each in turn."""
    calls, all_wait = list[int](), threading.Event()

    def slow(_: JournalDirectory) -> OwnedJournal:
        calls.append(1)
        assert all_wait.wait(10)
        raise JournalError("The disk is slow.")

    with journaling(tmp_path, answers=False) as held:
        mocker.patch.object(JournalDirectory, "create", slow)
        threads = [threading.Thread(target=held.mine.emit, args=("sold",)) for _ in range(5)]
        for each in threads:
            each.start()
        wait_until(lambda: held.mine.stats().emitted == 5, "all have come so far")
        all_wait.set()
        for each in threads:
            each.join()
        mocker.stopall()
        assert calls == [1]
        assert held.mine.stats().pending == 5
        assert is_law_kept(held)


@pytest.mark.parametrize("is_too_large", [True, False])
def test_a_first_event_after_the_end_makes_no_file(tmp_path: Path, is_too_large: bool) -> None:
    """Nobody would give it up again."""
    with journaling(tmp_path, MAX_EVENT_BYTES=20_000) as held:
        held.mine.close()
        held.mine.emit("sold", "x" * (19_900 if is_too_large else 1))
        assert not (tmp_path / "shop").exists()
        assert is_law_kept(held)


def test_a_first_event_that_meets_the_end_leaves_no_file_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mocker: MockerFixture
) -> None:
    """One that is being made is waited for, and given up with the others, once."""
    create, begun, ends = JournalDirectory.create, threading.Event(), threading.Event()

    def slow(directory: JournalDirectory) -> OwnedJournal:
        begun.set()
        ends.wait(1)
        return create(directory)

    with journaling(tmp_path, MAX_EVENT_BYTES=20_000) as held:
        mocker.patch.object(JournalDirectory, "create", slow)
        late = threading.Thread(target=held.mine.emit, args=("sold", "x" * 19_900))
        late.start()
        assert begun.wait(10)
        held.mine.close(0.1)
        ends.set()
        late.join()
        mocker.stopall()
        held.mine.close(0.1)
        assert is_law_kept(held)
        assert held.mine.stats().dead == len(files(tmp_path, ".dead"))
    assert (tmp_path / "shop").exists()
    assert files(tmp_path) == files(tmp_path, ".lock") == []
    assert not told(caplog, "is closed")


def test_what_is_told_after_the_end_speaks_of_no_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mocker: MockerFixture
) -> None:
    """A file that can't be given up is told, but no event waits in memory any more."""
    with journaling(tmp_path) as held:
        held.mine.emit("sold")
        assert held.mine.flush(5)
        count_dead = mocker.patch.object(
            JournalFile, "count_dead", side_effect=JournalError("The disk is ill.")
        )
        held.mine.close()
        assert count_dead.called
        mocker.stopall()
    assert told(caplog, "The disk is ill.")
    assert not told(caplog, "Events wait in memory")
