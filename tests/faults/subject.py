"""One app under fault, in a gunicorn of its own, with its clients."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.faults.load import Load
from tests.faults.shop import OTHER_TYPE, SERVER_THREADS
from tests.faults.vitals import children
from tests.kafka.apache_kafka import free_port
from tests.leash import leashed
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]
MODES: Final = ("memory", "journal")
SERVER: Final = (
    "-m",
    "gunicorn",
    "-k",
    "gthread",
    "--threads",
    str(SERVER_THREADS),
    "--timeout",
    "60",
    "--graceful-timeout",
    "10",
)
END_SECONDS: Final = 30.0


@dataclass(slots=True)
class Subject:
    """An app in one mode.

    Attributes:
        mode: where its events wait.
        folder: its own; the log is there, and the journal.
        topic: where its events go.
        other: where those of a second type go, if `settings` says so.
        settings: each is `KAFKA_EVENTS_` and its name.
        environment: what else its process finds there.
        workers: processes at once.
    """

    mode: str
    folder: Path
    topic: str
    other: str
    settings: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    clients: Load | None = None

    @property
    def log(self) -> str:
        """What app and server said so far."""
        return (self.folder / "app.log").read_text()

    @property
    def load(self) -> Load:
        """Its clients."""
        assert self.clients is not None
        return self.clients

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that its events go to."""
        return (self.topic, self.other) if "TYPES" in self.settings else (self.topic,)

    def start(self) -> None:
        """Start the server. Not in a thread that ends before it: the leash is that thread's."""
        settings = {"TOPIC": self.topic, **self.settings}
        if self.mode == "journal":
            settings["JOURNAL"] = str(self.folder / "journal")
        environment = {f"FLASK_KAFKA_EVENTS_{name}": _as_read(value) for name, value in settings.items()}
        command = (
            *SERVER,
            "-w",
            str(self.workers),
            "-b",
            f"127.0.0.1:{self.port}",
            "tests.faults.shop:create_app()",
        )
        with (self.folder / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                leashed(sys.executable, *command),
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment, **self.environment},
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self.stats() is not None, "the server answers", seconds=30)

    def begin(self, rate: float, *, first: int = 0) -> None:
        """Let clients ask; their requests are numbered from `first` on."""
        both = ("/buy", "/sell") if len(self.topics) > 1 else ("/buy",)
        self.clients = Load(self.port, rate, both, first)
        self.clients.start()

    def ask(self, path: str, method: str = "GET") -> str | None:
        """The answer to one request; None where the server doesn't give one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            with suppress(OSError, http.client.HTTPException):
                connection.request(method, path)
                answer = connection.getresponse()
                text = answer.read().decode()
                return text if answer.status == 200 else None
        finally:
            connection.close()
        return None

    def stats(self) -> dict[str, Any] | None:
        """The ledger of the worker that answers."""
        answer = self.ask("/stats")
        return None if answer is None else dict(json.loads(answer))

    def ledger(self) -> dict[str, Any]:
        """The same, awaited."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            stats = self.stats()
            found.extend([] if stats is None else [stats])
            return bool(found)

        wait_until(is_there, "the ledger is told", seconds=30)
        return found[-1]

    def workers_now(self) -> list[int]:
        """The processes that serve, or are about to, oldest first."""
        assert self.process is not None
        return children(self.process.pid)

    def ledgers(self) -> list[dict[str, Any]]:
        """The ledger of each worker, awaited; whose answer it is nobody can choose."""
        found: dict[int, dict[str, Any]] = {}

        def are_there() -> bool:
            stats = self.stats()
            if stats is not None:
                found[stats["worker"]] = stats
            return found.keys() >= set(self.workers_now())

        wait_until(are_there, "every worker tells its ledger", seconds=60)
        return [found[worker] for worker in self.workers_now()]

    def await_ledger(self, is_so: Callable[[dict[str, Any]], bool], what: str, seconds: float) -> None:
        """Wait until the ledger says something."""
        wait_until(lambda: is_so(self.ledger()), f"{what} ({self.mode})", seconds=seconds)

    def end(self) -> None:
        """End the server in good order."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            process.wait(END_SECONDS)

    def kill(self) -> None:
        """Stop clients and server, whatever state they are in."""
        if self.clients is not None:
            self.clients.stop()
        process, self.process = self.process, None
        if process is not None:
            process.terminate()  # its workers would outlive a killed master for a while
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def types_for(other: str) -> dict[str, dict[str, str]]:
    """The setting that sends events of the second type to a topic of their own."""
    return {OTHER_TYPE: {"topic": other}}


def _as_read(value: object) -> str:
    """As Flask reads the environment."""
    return value if isinstance(value, str) else json.dumps(value)
