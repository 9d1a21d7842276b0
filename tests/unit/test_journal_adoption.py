"""What dead processes left, however much it is: few files at a time, and beside the limit of a process's own."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from flask_kafka_events.delivery.adoption import FILES
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.inventory import holdings
from flask_kafka_events.journal_choice import directory_at_hand
from tests.processes import wait_until
from tests.sending import Shop

from .test_journal_commands import left, run
from .test_journal_mending import damage
from .test_journaling import files, is_law_kept, journaling, number_of, process, resume, rows, told


def left_by_many(folder: Path, count: int) -> None:
    """So many files of one event each, as a crash loop leaves them; the numbers of their events tell their age."""
    all_of_them = left(folder, count)
    for number in range(count):
        copy = all_of_them.with_name(f"{number:04}.journal")
        shutil.copyfile(all_of_them, copy)
        file = JournalFile(copy)
        file.forget([entry.seq for place, entry in enumerate(file.records()) if place != number])
        file.close()
    all_of_them.unlink()


def states(held: Shop) -> list[str]:
    """Whose the files are, oldest first."""
    with held.app.app_context():
        return [each.state for each in holdings(directory_at_hand())]


def test_few_files_are_adopted_at_a_time(tmp_path: Path) -> None:
    """The oldest come first; each that is spent makes room for the next at once, until all are sent in their order."""
    count = 3 * FILES + 1
    left_by_many(tmp_path, count)
    with journaling(tmp_path, answers=False) as heir:
        assert process(heir).adopt() == FILES
        assert process(heir).adopt() == 0
        assert states(heir) == ["in use"] * FILES + ["left"] * (count - FILES)
        heir.mine.start()
        wait_until(lambda: bool(heir.producers), "there is a producer")
        resume(heir)
        wait_until(lambda: heir.mine.stats().delivered == count, "all are sent")
        assert [number_of(event) for event in heir.sent()] == list(range(count))
        assert heir.mine.stats().adopted == count
        assert is_law_kept(heir)
    assert files(tmp_path) == []


def test_a_replay_goes_on_until_nothing_is_left(tmp_path: Path) -> None:
    """It sends the files that it couldn't take at once, too."""
    count = 2 * FILES + 1
    left_by_many(tmp_path, count)
    with journaling(tmp_path) as held:
        assert run(held, "replay") == f"Sent {count} event(s).\n"
        assert is_law_kept(held)
    assert files(tmp_path) == []


def test_a_replay_that_gives_up_tells_all_that_still_waits(tmp_path: Path) -> None:
    """Also what is in files that it hasn't got to."""
    count = FILES + 2
    left_by_many(tmp_path, count)
    with journaling(tmp_path, answers=False) as held:
        said = run(held, "replay", "--wait", "0.3", status=1)
    assert f"{count} event(s) still wait in" in said
    assert len(rows(tmp_path)) == count


def test_what_was_adopted_takes_no_place_of_a_processs_own(tmp_path: Path) -> None:
    """A backlog beyond `JOURNAL_MAX_BYTES` drops no new event, and its end makes no room beyond that."""
    limits: dict[str, Any] = {"JOURNAL_MAX_BYTES": 65_536, "MAX_EVENT_BYTES": 20_000}
    with journaling(tmp_path, answers=False, MAX_EVENT_BYTES=20_000) as held:
        for _ in range(8):
            held.mine.emit("left", "x" * 15_000)
    with journaling(tmp_path, answers=False, **limits) as heir:
        assert process(heir).adopt() == 8
        for _ in range(2):
            heir.mine.emit("sold", "x" * 15_000)
        assert heir.mine.stats().dropped == 0
        wait_until(lambda: bool(heir.producers), "there is a producer")
        resume(heir)
        assert heir.mine.flush(5)
        heir.producers[0].answers = False
        for _ in range(4):
            heir.mine.emit("sold", "x" * 15_000)
        assert heir.mine.stats().dropped_by_reason == {"queue_full": 2}
        assert is_law_kept(heir)


def test_what_is_lost_with_an_adopted_file_makes_no_room(tmp_path: Path) -> None:
    """It has taken none of this process's own."""
    limits: dict[str, Any] = {"JOURNAL_MAX_BYTES": 65_536, "MAX_EVENT_BYTES": 20_000}
    with journaling(tmp_path, answers=False, **limits) as held:
        for _ in range(2):
            held.mine.emit("left", "x" * 15_000)
    with journaling(tmp_path, **limits) as heir:
        assert process(heir).adopt() == 2
        damage(tmp_path, "UPDATE record SET headers = x'c1' WHERE seq = 2")
        heir.mine.start()
        assert heir.mine.flush(5)
        assert heir.mine.stats().failed_by_reason == {"journal_damaged": 1}
        heir.producers[0].answers = False
        for _ in range(3):
            heir.mine.emit("sold", "x" * 15_000)
        assert heir.mine.stats().dropped_by_reason == {"queue_full": 1}
        assert is_law_kept(heir)


@pytest.mark.parametrize("question", ["count", "backlogs"])
def test_a_file_that_cannot_be_read_through_keeps_no_other_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mocker: MockerFixture, question: str
) -> None:
    """It is given up, for whoever can read it, and told without a word of new events; the next file is adopted."""
    left_by_many(tmp_path, 2)
    oldest, ask = files(tmp_path)[0], getattr(JournalFile, question)

    def asked(file: JournalFile) -> Any:
        if file.path == oldest:
            raise JournalError("The disk is ill.")
        return ask(file)

    with journaling(tmp_path) as heir:
        mocker.patch.object(JournalFile, question, asked)
        assert process(heir).adopt() == 1
        mocker.stopall()
        assert told(caplog, "The disk is ill.")
        assert not told(caplog, "Events wait in memory")
        assert states(heir) == ["left", "in use"]
        assert process(heir).adopt() == 1
        assert is_law_kept(heir)
