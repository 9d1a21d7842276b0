"""Nothing is lost under real servers: requests answered, minus distinct events read back, is zero."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.servers.served import TOPIC
from tests.servers.serving import ROOT, arrived, serving

APP = "tests.servers.served:create_app()"
REQUESTS = 40


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["gunicorn", "-b", "127.0.0.1:PORT", APP], 0),
        (["gunicorn", "-b", "127.0.0.1:PORT", "-k", "gthread", "--threads", "4", APP], 0),
        (["gunicorn", "-b", "127.0.0.1:PORT", "--preload", "-w", "2", APP], 0),
        (
            ["waitress-serve", "--listen=127.0.0.1:PORT", "--call", "tests.servers.served:create_app"],
            -signal.SIGTERM,
        ),
        (["flask", "--app", "tests.servers.served", "run", "-p", "PORT"], -signal.SIGTERM),
    ],
    ids=["sync", "gthread", "preload", "waitress", "flask-run"],
)
def test_sigterm_after_the_last_answer_loses_nothing(
    broker: Lease, tmp_path: Path, command: list[str], status: int
) -> None:
    """SIGTERM right after the last answer, with all events still batched: each arrives, and the status stays."""
    with serving(broker.address, tmp_path, *command) as server:
        assert [server.get("/buy") for _ in range(REQUESTS)] == ["sold"] * REQUESTS
        assert server.end(signal.SIGTERM) == status
    assert len(set(arrived(broker.address, TOPIC))) == REQUESTS


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["gunicorn", "-b", "127.0.0.1:PORT", "-k", "gthread", "--threads", "4", APP], 0),
        (
            ["waitress-serve", "--listen=127.0.0.1:PORT", "--call", "tests.servers.served:create_app"],
            -signal.SIGTERM,
        ),
    ],
    ids=["gthread", "waitress"],
)
def test_sigterm_under_load_loses_only_what_it_counts(
    broker: Lease, tmp_path: Path, command: list[str], status: int
) -> None:
    """While clients go on to ask: each event answered before the signal arrives, and the rest is sent or told."""
    answered: list[str] = []

    def ask() -> None:
        with suppress(OSError, AssertionError, http.client.HTTPException):
            while True:
                answered.append(server.get("/buy"))

    with serving(broker.address, tmp_path, *command) as server:
        server.get("/pid")
        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        wait_until(lambda: len(answered) >= REQUESTS, "clients are served")
        before = len(answered)
        assert server.end(signal.SIGTERM) == status
        for client in clients:
            client.join(30)
    ids = arrived(broker.address, TOPIC)
    assert len(set(ids)) == len(ids) >= before
    told = sum(
        map(
            int,
            re.findall(r"(\d+) event\(s\) (?:lost|were undecided)", (tmp_path / "server.log").read_text()),
        )
    )
    # Each client may have one request under way as the process dies.
    assert len(answered) - len(ids) <= told + len(clients)


def test_sigterm_without_a_broker_ends_within_the_deadline(tmp_path: Path) -> None:
    """With the broker away CLOSE_SECONDS bounds the exit, and the log tells how much was lost."""
    command = ("waitress-serve", "--listen=127.0.0.1:PORT", "--call", "tests.servers.served:create_app")
    with serving("127.0.0.1:1", tmp_path, *command, SERVED_CLOSE_SECONDS="0.5") as server:
        for _ in range(REQUESTS):
            assert server.get("/buy") == "sold"
        started = time.monotonic()
        assert server.end(signal.SIGTERM) == -signal.SIGTERM
        assert time.monotonic() - started < 3, "0.5 s, and what the machine takes to end a process"
    log = (tmp_path / "server.log").read_text()
    assert sum(map(int, re.findall(r"(\d+) event\(s\) lost \(closed\)", log))) == REQUESTS


def test_master_that_emitted_before_the_fork_loses_nothing(broker: Lease, tmp_path: Path) -> None:
    """Under --preload the workers make their own producers although the master has one."""
    command = ("gunicorn", "-b", "127.0.0.1:PORT", "--preload", "-w", "2", APP)
    with serving(broker.address, tmp_path, *command, SERVED_EMITS_BEFORE_FORK="1") as server:
        for _ in range(REQUESTS):
            server.get("/buy")
        assert server.end(signal.SIGTERM) == 0
    assert len(set(arrived(broker.address, TOPIC))) == REQUESTS + 1


def test_sigterm_to_the_reloaders_child_loses_nothing(broker: Lease, tmp_path: Path) -> None:
    """The serving child of Werkzeug's reloader sends what waits before it ends."""
    command = ("flask", "--app", "tests.servers.served", "run", "-p", "PORT", "--reload")
    with serving(broker.address, tmp_path, *command) as server:
        for _ in range(REQUESTS):
            server.get("/buy")
        os.kill(int(server.get("/pid")), signal.SIGTERM)
        server.process.wait(20)
    assert len(set(arrived(broker.address, TOPIC))) == REQUESTS


def test_code_reload_loses_nothing(broker: Lease, tmp_path: Path) -> None:
    """A reload sends what the old child still held, and the new child goes on."""
    code = tmp_path / "mine.py"
    code.write_text("from tests.servers.served import create_app\n")
    command = ("flask", "--app", "mine", "run", "-p", "PORT", "--reload")
    with serving(broker.address, tmp_path, *command) as server:
        for _ in range(REQUESTS):
            server.get("/buy")
        old = server.get("/pid")
        code.write_text("from tests.servers.served import create_app\n\n")
        while server.get("/pid") == old:
            pass
        server.get("/buy")
        os.kill(int(server.get("/pid")), signal.SIGTERM)
        server.process.wait(20)
    assert len(set(arrived(broker.address, TOPIC))) == REQUESTS + 1


def test_script_that_ends_at_once_loses_nothing(broker: Lease) -> None:
    """A script that emits and ends sends its event on the way out."""
    script = (
        "from tests.servers.served import create_app, events\n"
        "events.for_app(create_app()).emit('ended')\n"
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SERVED_BROKER": broker.address}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=30)
    assert len(arrived(broker.address, TOPIC)) == 1


def test_commands_open_no_socket_and_start_no_thread(tmp_path: Path) -> None:
    """`flask routes` runs with no broker at all, and init_app starts no thread."""
    script = (
        "import threading\n"
        "from tests.servers.served import create_app\n"
        "from flask.cli import FlaskGroup\n"
        "FlaskGroup(create_app=create_app).main(['routes'], standalone_mode=False)\n"
        "assert threading.active_count() == 1\n"
        "import pathlib\n"
        "assert not any('socket:' in str(link.readlink()) for link in pathlib.Path('/proc/self/fd').iterdir() "
        "if link.exists())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SERVED_BROKER": "127.0.0.1:1"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=30, cwd=tmp_path)
