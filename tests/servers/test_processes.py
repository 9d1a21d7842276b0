"""Processes without a server: scripts, commands, threads, children; each ends its own way and loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.servers.kinds import KINDS
from tests.servers.served import TOPIC
from tests.servers.serving import ROOT, SCRIPTS, arrived, serving_kind, told

MINE = "from tests.servers.served import create_app, events\nmine = events.for_app(create_app())\n"

ENDS_AT_ONCE = f"{MINE}mine.emit('ended')\n"

BARE_THREAD = f"""
import threading
{MINE}
def work():
    for _ in range(3):
        mine.emit('worked')
threading.Thread(target=work).start()
"""

INTERRUPTED = f"""
import os, signal
{MINE}
mine.emit('waits')
os.kill(os.getpid(), signal.SIGINT)
"""

# With spawn and forkserver a child imports the file anew.
CHILDREN = """
import multiprocessing, sys
from tests.servers.served import create_app, events
def work():
    mine = events.for_app(create_app())
    for _ in range(3):
        mine.emit('child')
if __name__ == "__main__":
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0
"""


def run(broker: Lease, *command: str) -> int:
    """Run a command in a process of its own, to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SERVED_BROKER": broker.address}
    return subprocess.run(command, env=environment, check=False, timeout=30).returncode


@pytest.mark.parametrize(
    ("script", "status", "count"),
    [(ENDS_AT_ONCE, 0, 1), (BARE_THREAD, 0, 3), (INTERRUPTED, -signal.SIGINT, 1)],
    ids=["ends-at-once", "bare-thread", "interrupted"],
)
def test_script_loses_nothing(broker: Lease, script: str, status: int, count: int) -> None:
    """A script that emits and ends, by itself or by Ctrl-C, sends its events on the way out."""
    assert run(broker, sys.executable, "-c", script) == status
    assert len(set(arrived(broker.address, TOPIC))) == count


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_loses_nothing(broker: Lease, tmp_path: Path, method: str) -> None:
    """A child of multiprocessing, however it is started, sends its events although it leaves past atexit."""
    script = tmp_path / "children.py"
    script.write_text(CHILDREN)
    assert run(broker, sys.executable, str(script), method) == 0
    assert len(set(arrived(broker.address, TOPIC))) == 3


def test_command_of_the_app_loses_nothing(broker: Lease) -> None:
    """A command of the app that emits sends its event before the shell's prompt is back."""
    assert run(broker, str(SCRIPTS / "flask"), "--app", "tests.servers.served", "restock") == 0
    assert len(set(arrived(broker.address, TOPIC))) == 1


def test_second_sigterm_while_closing_changes_nothing(tmp_path: Path) -> None:
    """Who is impatient gets the same end: within the deadline, by the signal, with the losses told."""
    kind = KINDS["waitress"]
    with serving_kind("127.0.0.1:1", tmp_path, kind, SERVED_CLOSE_SECONDS="1") as server:
        assert server.get("/buy") == "sold"
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        # The signals come one by one, or the kernel would make one of them.
        wait_until(lambda: time.monotonic() - began > 0.2, "it closes")
        assert server.end(signal.SIGTERM) == kind.status
        took = time.monotonic() - began
    assert 1 < took < 1 + 0.5 + 1, "not before the deadline, and a second for the machine"
    assert told(tmp_path) == 1
