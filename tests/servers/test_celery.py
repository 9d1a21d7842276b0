"""Tasks of Celery that emit in its forked pool."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.servers.served import TOPIC
from tests.servers.serving import ROOT, arrived, serving

TASKS = 20
COMMAND = (
    "celery", "-A", "tests.servers.tasks:celery", "worker", "--pool", "prefork", "-c", "2", "--max-tasks-per-child", "8",
)  # fmt: skip
ORDER = (
    "import sys\nfrom tests.servers.tasks import sell\nfor _ in range(int(sys.argv[1])):\n    sell.delay()\n"
)


def test_tasks_in_the_pool_lose_nothing(
    broker: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool's processes, which leave past atexit, send what waits: those that are replaced and the last ones."""
    for folder in ("queue", "control", "done"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("SERVED_FOLDER", str(tmp_path))
    monkeypatch.setenv("SERVED_BROKER", broker.address)
    subprocess.run([sys.executable, "-c", ORDER, str(TASKS)], cwd=ROOT, check=True, timeout=30)
    with serving(broker.address, tmp_path, *COMMAND) as worker:
        done = tmp_path / "done"
        wait_until(lambda: len(list(done.iterdir())) == TASKS, "every task is done", seconds=20)
        assert worker.end(signal.SIGTERM) == 0
    assert len(set(arrived(broker.address, TOPIC))) == TASKS
