"""Tasks of Celery that emit in its forked pool."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from flask_kafka_events.journal.claim import is_taken
from tests.processes import wait_until
from tests.servers.served import TOPIC
from tests.servers.serving import ROOT, arrived, serving, told
from tests.servers.test_journal import environment, journal_of, locks, rows

TASKS = 20
COMMAND = ("celery", "-A", "tests.servers.tasks:celery", "worker", "--pool", "prefork", "-c", "2")
REPLACED = ("--max-tasks-per-child", "8")
ORDER = (
    "import sys\nfrom tests.servers.tasks import sell\nfor _ in range(int(sys.argv[1])):\n    sell.delay()\n"
)


@pytest.fixture(autouse=True)
def ordering(broker: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders that stand for Celery's own broker, and what tells the tasks of them."""
    for folder in ("queue", "control", "begun", "done"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("SERVED_FOLDER", str(tmp_path))
    monkeypatch.setenv("SERVED_BROKER", broker.address)


def order(count: int) -> None:
    """Give Celery so many tasks."""
    subprocess.run([sys.executable, "-c", ORDER, str(count)], cwd=ROOT, check=True, timeout=30)


def done(folder: Path) -> dict[str, str]:
    """The tasks that succeeded, and by which process."""
    return {path.name: path.read_text() for path in (folder / "done").iterdir()}


def sold(broker: Lease) -> set[str]:
    """The tasks whose event was read back; one that was sent twice has the same id and content."""
    events = [json.loads(value) for value in set(arrived(broker.address, TOPIC))]
    assert len({event["id"] for event in events}) == len(events), "a duplicate is the same event"
    return {event["data"]["task"] for event in events}


def test_tasks_in_the_pool_lose_nothing(broker: Lease, tmp_path: Path) -> None:
    """The pool's processes, which leave past atexit, send what waits: those that are replaced and the last ones."""
    order(TASKS)
    with serving(broker.address, tmp_path, *COMMAND, *REPLACED) as worker:
        wait_until(lambda: len(done(tmp_path)) == TASKS, "every task is done", seconds=60)
        assert worker.end(signal.SIGTERM) == 0
    assert sold(broker) == set(done(tmp_path))


def test_tasks_with_a_journal_leave_no_file(broker: Lease, tmp_path: Path) -> None:
    """The pool's processes send what is in their files and remove them: those that are replaced and the last ones."""
    order(TASKS)
    with serving(broker.address, tmp_path, *COMMAND, *REPLACED, **environment(tmp_path)) as worker:
        wait_until(lambda: len(done(tmp_path)) == TASKS, "every task is done", seconds=60)
        assert worker.end(signal.SIGTERM) == 0
    assert told(tmp_path) == 0
    assert sold(broker) == set(done(tmp_path))
    assert list(journal_of(tmp_path).iterdir()) == []


# All of them and not one of the pool: Celery with this transport goes on after that in half of all cases only, also
# without an event (9 of 16).
def test_next_start_sends_what_a_killed_pool_left(broker: Lease, tmp_path: Path) -> None:
    """All processes are killed with -9 among tasks: for each task that succeeded the next start sends the event."""
    order(2 * TASKS)
    with serving(broker.address, tmp_path, *COMMAND, **environment(tmp_path)) as worker:
        wait_until(lambda: len(done(tmp_path)) >= TASKS, "half of the tasks are done", seconds=60)
        os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait(20)
    killed = done(tmp_path)
    assert rows(tmp_path) >= len(killed), "librdkafka holds them back for a minute"
    order(TASKS)
    with serving(broker.address, tmp_path, *COMMAND, **environment(tmp_path)) as worker:
        wait_until(lambda: len(done(tmp_path)) >= len(killed) + TASKS, "others are done", seconds=60)
        wait_until(lambda: all(map(is_taken, locks(tmp_path))), "what was left has an owner", seconds=60)
        assert worker.end(signal.SIGTERM) == 0
    assert set(done(tmp_path)) - sold(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []
