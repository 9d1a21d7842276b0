"""After each test: whatever it left behind turns it red.

Watched are Python threads, librdkafka's threads (a producer, consumer or admin client that nobody closed), open
files and sockets, and processes, also those that detached themselves. The latter three are read from `/proc`; where
there is none, threads alone are watched.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")

# Every process that comes of this run, however far it detached itself, has our mark in its environment.
MARK = "TESTS_RUN"

# A thread that has done its work, a socket in its last words, a killed process: each gets this long to be gone. An
# embedded broker that an app started stays for five seconds after its last user.
SETTLE_SECONDS = "10"

FILES_BY_DESIGN = (
    (r"/dev/null|/dev/u?random", "holds nothing"),
    (r".*/\.hypothesis/.*", "hypothesis keeps its examples' directory open"),
)
PROCESSES_BY_DESIGN = (
    (
        r".* kafka\.Kafka .*/(apache-kafka\d+|kafka-cluster\d+/broker-\d)/server\.properties",
        "the fixture's own brokers, started again by a test",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """What this process holds at one moment."""

    threads: frozenset[threading.Thread]
    clients: frozenset[str]
    files: frozenset[tuple[str, str]]
    processes: frozenset[int]

    def beyond(self, before: Holdings) -> list[str]:
        """What is held now and was not before, one line each."""
        return [
            *(f"thread {thread.name!r}" for thread in self.threads - before.threads),
            *(f"librdkafka client, its thread {thread}" for thread in self.clients - before.clients),
            *(f"file {target} (descriptor {number})" for number, target in self.files - before.files),
            *(
                f"process {number}: {command}"
                for number, command in left_running(self.processes - before.processes)
            ),
        ]


def holdings() -> Holdings:
    """What this process holds now."""
    return Holdings(
        threads=frozenset(threading.enumerate()),
        clients=frozenset(librdkafka_threads()),
        files=frozenset(open_files()),
        processes=frozenset(all_processes()),
    )


def all_processes() -> Iterator[int]:
    """Every process of the machine."""
    if PROC.is_dir():
        yield from (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def librdkafka_threads() -> Iterator[str]:
    """The main threads of librdkafka, by id: each client has one, whatever its brokers come to."""
    tasks = PROC / "self" / "task"
    for task in tasks.iterdir() if tasks.is_dir() else ():
        with contextlib.suppress(OSError):  # one that ends while we look is no leak
            if (task / "comm").read_text() == "rdk:main\n":
                yield task.name


def open_files() -> Iterator[tuple[str, str]]:
    """Open descriptors by number and target, without those that are open by design."""
    descriptors = PROC / "self" / "fd"
    for descriptor in descriptors.iterdir() if descriptors.is_dir() else ():
        with contextlib.suppress(OSError):  # iterdir's own descriptor is closed by now
            target = str(descriptor.readlink())
            if not any(re.fullmatch(pattern, target) for pattern, _ in FILES_BY_DESIGN):
                yield descriptor.name, target


def left_running(processes: frozenset[int]) -> Iterator[tuple[int, str]]:
    """Those of the processes that are ours, with their command lines, without those that run by design."""
    for process in processes:
        command = command_of(process)
        if is_ours(process) and not any(re.fullmatch(pattern, command) for pattern, _ in PROCESSES_BY_DESIGN):
            yield process, command


def is_ours(process: int) -> bool:
    """Whether a process descends from this one, by its parents or by our mark in its environment."""
    return descends(process) or is_marked(process)


def is_marked(process: int) -> bool:
    """Whether our mark is in a process's environment: true of one that detached itself."""
    with contextlib.suppress(OSError):  # another user's, or gone
        mark = f"{MARK}={os.environ.get(MARK, '')}".encode()
        return mark in (PROC / str(process) / "environ").read_bytes()
    return False


def descends(process: int) -> bool:
    """Whether this process is among another one's parents: true of a zombie, whose environment is gone."""
    with contextlib.suppress(OSError):
        while process > 1:
            # The name in brackets may hold spaces; the parent is the second word after it.
            after_name = (PROC / str(process) / "stat").read_text().rpartition(")")[2]
            process = int(after_name.split()[1])
            if process == os.getpid():
                return True
    return False


def command_of(process: int) -> str:
    """A process's command line; of a zombie, what to do about it."""
    with contextlib.suppress(OSError):
        command = (PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return command.strip() or "ended, but nobody waited for it"
    return "just ended"


def left_since(before: Holdings, *, settle_seconds: float) -> list[str]:
    """What is held beyond `before`, once everything had its time to go."""
    deadline = time.monotonic() + settle_seconds
    left = holdings().beyond(before)
    if left:
        gc.collect()  # what only a reference cycle holds is no leak
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = holdings().beyond(before)
    return left


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the detector's own tests be quick."""
    parser.addini(
        "settle_seconds", "how long a thing may take to be gone after a test", default=SETTLE_SECONDS
    )


def pytest_configure() -> None:
    """Mark the environment; a run inside a run adds its own to the outer one's."""
    outer = os.environ.get(MARK, "")
    os.environ[MARK] = f"{outer}/{os.getpid()}-{time.time_ns()}"


@pytest.fixture(autouse=True)
def no_leaks(pytestconfig: pytest.Config) -> Iterator[None]:
    """Fail a test that leaves a thread, a client of Kafka, a file, a socket or a process behind.

    Fixtures of a wider scope are set up before and torn down after: what they hold is theirs.
    """
    before = holdings()
    yield
    left = left_since(before, settle_seconds=float(pytestconfig.getini("settle_seconds")))
    if left:
        pytest.fail("The test left behind:\n  " + "\n  ".join(sorted(left)), pytrace=False)
