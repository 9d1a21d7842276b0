"""The leak detector goes red for each kind of thing that a test can leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.conftest import RunInside

LEAVES = """
import os, socket, subprocess, threading
from confluent_kafka import Producer

kept = []

def test_thread():
    threading.Thread(target=threading.Event().wait, name="forgotten", daemon=True).start()

def test_file(tmp_path):
    kept.append(open(tmp_path / "forgotten", "w"))

def test_socket():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_producer():
    kept.append(Producer({"bootstrap.servers": "127.0.0.1:9", "log_level": 0}))

def test_child():
    kept.append(subprocess.Popen(["sleep", "3"]))

def test_zombie():
    if os.fork() == 0:
        os._exit(0)

def test_detached():
    command = ["setsid", "--fork", "sh", "-c", "echo; sleep 2 >/dev/null; :"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # while a process becomes another program /proc has nothing to tell of it
"""
LEFT = (
    "thread 'forgotten'",
    "file /*/forgotten (descriptor *)",
    "file socket:*",
    "librdkafka client, its thread *",
    "process *: sleep 3",
    "process *: ended, but nobody waited for it",
    "process *: sh -c echo; sleep 2*",
)
CLEAN = """
import gc, socket, subprocess, threading
import pytest
from confluent_kafka import Producer

@pytest.fixture(scope="module")
def wide():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    yield
    stop.set()
    thread.join()

class Circle:
    def __init__(self):
        self.itself, self.producer = self, Producer({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})

def test_it(wide, tmp_path):
    Circle()
    (tmp_path / "file").write_text("closed")
    socket.create_server(("127.0.0.1", 0)).close()
    subprocess.run(["true"], check=True)
    threading.Timer(0.2, gc.collect).start()
"""


def test_what_is_left_turns_a_test_red(run_inside: RunInside) -> None:
    """A passing test that leaves something is an error that names what it left, be it detached."""
    result = run_inside(LEAVES, "-o", "settle_seconds=0.1", plugin="tests.leaks")

    result.assert_outcomes(passed=len(LEFT), errors=len(LEFT))
    for left in LEFT:
        result.stdout.fnmatch_lines_random(["The test left behind:", f"  {left}"])


def test_what_is_closed_in_time_is_no_leak(run_inside: RunInside) -> None:
    """A wider fixture's thread, a collected producer, closed files and a thread about to end leave the test green."""
    run_inside(CLEAN, plugin="tests.leaks").assert_outcomes(passed=1)
