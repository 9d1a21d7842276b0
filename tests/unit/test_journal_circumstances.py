"""A journal under circumstances: a fork in the middle of an adoption, another app beside it, a clock that jumps."""

import subprocess
import sys
import threading
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from pytest_mock import MockerFixture

from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.delivery.settled import BATCH
from flask_kafka_events.journal.file import JournalFile
from tests.journals import ids_in
from tests.leash import leashed
from tests.processes import wait_until

from .forked import forked
from .test_journal_commands import left
from .test_journaling import files, is_law_kept, journaling, number_of, process, resume, rows

#: Another process's look for what is nobody's; it gives back what it finds.
LOOK: Final = """
import logging, sys
from pathlib import Path
from flask_kafka_events.app_log import AppLog
from flask_kafka_events.journal.directory import JournalDirectory

for name in ("shop", "other"):
    directory = JournalDirectory(Path(sys.argv[1]), name, sync="process", log=AppLog(logging.getLogger))
    for owned in directory.orphans():
        print(name, owned.file.count())
        owned.give_up()
"""


def found_by_another(folder: Path) -> list[str]:
    """The apps of which another process finds files that nobody owns, and how many events are in each."""
    command = leashed(sys.executable, "-c", LOOK, str(folder))
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=30
    ).stdout.splitlines()


def test_a_fork_in_the_middle_of_an_adoption_changes_nothing(tmp_path: Path, mocker: MockerFixture) -> None:
    """The child leaves the file to its parent, though it inherits what that has begun, and has one of its own."""
    orphan = left(tmp_path, 50)
    check, begun, forked_off = JournalFile.check, threading.Event(), threading.Event()

    def slow_check(file: JournalFile) -> None:
        begun.set()
        assert forked_off.wait(10)
        check(file)

    with journaling(tmp_path) as heir:
        mocker.patch.object(JournalFile, "check", slow_check)
        adopting = threading.Thread(target=process(heir).adopt)
        adopting.start()
        assert begun.wait(10)

        def in_child() -> Any:
            heir.app.extensions["kafka_events"].factory = None  # no producer: it stays on disk
            heir.mine.emit("childs")
            return process(heir).adopt(), [path.name for path in files(tmp_path)]

        adopted, names = forked(in_child)
        assert adopted == 0
        assert len(names) == 2
        assert orphan.name in names
        forked_off.set()
        adopting.join()
        mocker.stopall()
        process(heir).adopt()
        heir.mine.start()
        assert heir.mine.flush(10)
        assert heir.mine.stats().adopted == heir.mine.stats().delivered == 51
        numbers = [number_of(event) for event in heir.sent() if event.type == "sold"]
        assert numbers == list(range(50))
        assert is_law_kept(heir)
    assert files(tmp_path) == []


def test_two_apps_of_a_process_keep_apart(tmp_path: Path) -> None:
    """Each has its own directory and file, adopts its own alone, and the end of one doesn't give up the other's."""
    with journaling(tmp_path, answers=False) as shop:
        shop.mine.emit("sold")
        with journaling(tmp_path, answers=False, name="other") as other:
            for _ in range(2):
                other.mine.emit("bought")
            assert found_by_another(tmp_path) == []
        assert found_by_another(tmp_path) == ["other 2"]
        assert len(rows(tmp_path)) == 1
        with journaling(tmp_path, name="other") as heir:
            assert process(heir).adopt() == 2
            assert process(shop).adopt() == 0
            heir.mine.start()
            assert heir.mine.flush(5)
            assert heir.types() == ["bought", "bought"]
            assert is_law_kept(heir)
            assert found_by_another(tmp_path) == []
        resume(shop)
        assert shop.types() == ["sold"]
        assert is_law_kept(shop)
    assert ids_in(tmp_path) == []


class Clock:
    """One that is so many seconds before or behind its time, in turn."""

    def __init__(self, *jumps: int) -> None:
        self._now = time.time()
        self._jumps = cycle(jumps)

    def read(self) -> float:
        """The seconds that it shows."""
        return self._now + next(self._jumps)

    def id(self) -> UUID:
        """A UUIDv7 of the moment that it shows."""
        return UUID(int=int(self.read() * 1_000) << 80 | 7 << 76 | uuid4().int & (1 << 76) - 1)


@pytest.mark.parametrize("then", [-86_400, 0, 86_400])
def test_a_clock_that_jumps_loses_nothing_and_keeps_the_order(
    tmp_path: Path, mocker: MockerFixture, then: int
) -> None:
    """Hours forth and back with each event, and before the next process adopts what is left."""
    clock = Clock(0, 7_200, -3_600, 10, -90_000)
    mocker.patch("uuid_utils.uuid7", clock.id)
    mocker.patch("time.time", clock.read)
    total = WINDOW_EVENTS + 2 * BATCH + 100
    with journaling(tmp_path, answers=False) as held:
        for number in range(total):
            held.mine.emit("sold", {"number": number}, key="ana")
        resume(held)
        wait_until(lambda: held.mine.stats().delivered == total, "all arrive")
        assert [number_of(event) for event in held.sent()] == list(range(total))
        for producer in held.producers:
            producer.answers = False
        for number in range(10):
            held.mine.emit("left", {"number": number}, key="ana")
        assert is_law_kept(held)
    mocker.patch("uuid_utils.uuid7", Clock(then).id)
    assert len(set(rows(tmp_path))) == 10
    with journaling(tmp_path) as heir:
        heir.mine.emit("new", key="ana")
        wait_until(lambda: heir.mine.stats().delivered == 11, "what was left arrives too")
        assert [number_of(event) for event in heir.sent() if event.type == "left"] == list(range(10))
        assert is_law_kept(heir)
    assert files(tmp_path) == []
