"""The game under gunicorn, as the crowd meets it: two workers whose ledgers can be read."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from flask import Flask

from examples.crowd.environment import ROOT
from examples.crowd.ledger import Ledger, read_ledger
from examples.game_api import create_app as create_game
from flask_kafka_events.contrib.prometheus import export_metrics
from tests.kafka.apache_kafka import free_port
from tests.leash import leashed
from tests.processes import wait_until

WORKERS: Final = 2
THREADS: Final = 8
START_SECONDS: Final = 30.0
END_SECONDS: Final = 30.0

# A player may be away for 12 s and finds the connection open: one that the server closes as a request is on its way would
# cost that player the answer.
_KEEP_ALIVE: Final = 30
# The counters of a worker that ended stay in the sums; its gauges must go.
_HOOK: Final = """\
from prometheus_client import multiprocess


def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
"""


def create_app() -> Flask:
    """The game as it is, and each worker's ledger as metrics, which they share in `PROMETHEUS_MULTIPROC_DIR`."""
    app = create_game()
    export_metrics(app)
    return app


@dataclass(frozen=True, kw_only=True, slots=True)
class Game:
    """A game that is served.

    Attributes:
        url: where.
        metrics: the directory that its workers share.
        process: gunicorn's master.
    """

    url: str
    metrics: Path
    process: "subprocess.Popen[bytes]"

    def ledger(self) -> Ledger:
        """What became of the events of all workers, those that ended too; half a second old at most."""
        return read_ledger(self.metrics)

    def end(self) -> None:
        """Let the workers answer what they were asked, and send what waits."""
        self.process.terminate()
        self.process.wait(END_SECONDS)


@contextmanager
def served(broker: str, folder: Path) -> Iterator[Game]:
    """Serve the game until the block is left.

    Args:
        broker: for `bootstrap.servers`.
        folder: for its log and its workers' metrics.
    """
    port = free_port()
    metrics = folder / "metrics"
    metrics.mkdir()
    with (folder / "game.log").open("wb") as log:
        process = subprocess.Popen(
            leashed(*_command(folder, port)), env=_environment(broker, metrics), cwd=ROOT,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        game = Game(url=f"http://127.0.0.1:{port}", metrics=metrics, process=process)
        wait_until(
            lambda: process.poll() is not None or _is_well(game.url), "the game is up", seconds=START_SECONDS
        )
        if process.poll() is not None:
            raise click.ClickException(f"The game didn't start.\n{_why(folder / 'game.log')}")
        yield game
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too; none are left after `end`
        process.wait()


def _command(folder: Path, port: int) -> list[str]:
    hook = folder / "gunicorn.conf.py"
    hook.write_text(_HOOK)
    return [
        sys.executable, "-m", "gunicorn", "--config", str(hook), "--bind", f"127.0.0.1:{port}",
        "--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS),
        "--keep-alive", str(_KEEP_ALIVE), "examples.crowd.game:create_app()",
    ]  # fmt: skip


def _environment(broker: str, metrics: Path) -> dict[str, str]:
    given = {"FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": broker, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    return {**os.environ, **given}


def _why(log: Path) -> str:
    """What a log says of our errors; where it says nothing of any, its end."""
    lines = log.read_text().splitlines()
    named = [line for line in lines if re.match(r"flask_kafka_events\.[\w.]+: ", line)]
    return "\n".join(dict.fromkeys(named) if named else lines[-20:])


def _is_well(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - our own address
        return True
    return False
