"""`flask kafka-events stats` adds up what each process of a server has counted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.servers.kinds import APP
from tests.servers.serving import ROOT, Server, serving

REQUESTS = 40
GUNICORN = ("gunicorn", "-b", "127.0.0.1:PORT", "-w", "2")


def stats(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What the command prints, run as a person would in the server's place."""
    command = [
        sys.executable,
        "-m",
        "flask",
        "--app",
        "tests.servers.served",
        "kafka-events",
        "stats",
        "--json",
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", **environment},
        stdout=subprocess.PIPE, check=True, timeout=30,
    )  # fmt: skip
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def is_lawful(figures: dict[str, Any]) -> bool:
    """Whether every event is accounted for."""
    ends = sum(figures[name] for name in ("delivered", "failed", "dropped", "dead", "pending"))
    return bool(figures["emitted"] + figures["adopted"] == ends)


def buy_from_both(server: Server) -> int:
    """Buy until both workers have answered, and often enough; how often that was."""
    bought = 0
    workers: set[str] = set()
    while bought < REQUESTS or len(workers) < 2:
        workers.add(server.get(f"/buy/{bought}"))
        bought += 1
        assert bought < 50 * REQUESTS, "both workers answer"
    return bought


def environment_of(broker: str, folder: Path) -> dict[str, str]:
    """A journal that is shared, and no batching: events arrive while the server runs."""
    return {"SERVED_BROKER": broker, "SERVED_JOURNAL": str(folder / "journal"), "SERVED_LINGER_MS": "0"}


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_two_workers_add_up(broker: Lease, tmp_path: Path, worker: str) -> None:
    """While they run, and after their end: each event once, and a line for each of them that keeps the law."""
    environment = environment_of(broker.address, tmp_path)
    with serving(broker.address, tmp_path, *GUNICORN, "-k", worker, APP, **environment) as server:
        bought = buy_from_both(server)
        wait_until(
            lambda: stats(tmp_path, environment)["sum"]["delivered"] == bought, "all are counted", seconds=30
        )
        running = stats(tmp_path, environment)
        assert server.end(signal.SIGTERM) == 0
    assert [each["state"] for each in running["processes"]] == ["running", "running"]
    assert all(each["emitted"] > 0 and is_lawful(each) for each in running["processes"])
    assert sum(each["emitted"] for each in running["processes"]) == running["sum"]["emitted"] == bought
    ended = stats(tmp_path, environment)
    assert [each["state"] for each in ended["processes"]] == ["closed", "closed"]
    assert ended["sum"] == {**running["sum"], "delivered": bought, "pending": 0}


def test_killed_worker_is_told_as_killed(broker: Lease, tmp_path: Path) -> None:
    """Its last figures stay, and the worker in its place has a line of its own."""
    environment = environment_of(broker.address, tmp_path)
    with serving(broker.address, tmp_path, *GUNICORN, APP, **environment) as server:
        bought = buy_from_both(server)
        wait_until(
            lambda: stats(tmp_path, environment)["sum"]["delivered"] == bought, "all are counted", seconds=30
        )
        os.kill(int(server.get("/pid")), signal.SIGKILL)
        wait_until(
            lambda: "killed" in {each["state"] for each in stats(tmp_path, environment)["processes"]},
            "one is gone",
            seconds=30,
        )
        bought += buy_from_both(server)
        wait_until(
            lambda: stats(tmp_path, environment)["sum"]["delivered"] == bought, "all are counted", seconds=30
        )
        found = stats(tmp_path, environment)
        assert server.end(signal.SIGTERM) == 0
    assert sorted(each["state"] for each in found["processes"]) == ["killed", "running", "running"]
    assert all(is_lawful(each) for each in [found["sum"], *found["processes"]])
