"""What preloading, gevent and the number of processes make of the settings."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.doctor.serving import Serving
from flask_kafka_events.greenlets import is_patched
from flask_kafka_events.settings import Settings

EARLY_CLIENT: Final = Check(
    name="client-before-fork",
    severity="warning",
    finds="A Kafka client that is made, or an event that is emitted, while the app is loaded: librdkafka's threads don't "
    "survive the fork of a preloading server, and uWSGI's workers hang now and then.",
    next_step="Make clients and emit at the first request, in a command, or in the server's post-fork hook.",
)
EVENTLET: Final = Check(
    name="eventlet",
    severity="error",
    finds="eventlet's workers, which this package doesn't know: its poller would stop the whole worker for 0.1 s at a time.",
    next_step="Use gevent, gthread or sync workers.",
)
GEVENT_POWER: Final = Check(
    name="gevent-journal-sync",
    severity="warning",
    finds='gevent\'s workers with `JOURNAL_SYNC = "power"`: each emit waits for the disk and stops all greenlets meanwhile.',
    next_step='Set KAFKA_EVENTS_JOURNAL_SYNC to "process", or use gthread workers.',
)
MEMORY: Final = Check(
    name="memory",
    severity="warning",
    finds="`QUEUE_BYTES` times the workers above half of the machine's or the container's memory: an outage of the broker "
    "would have workers killed.",
    next_step="Lower KAFKA_EVENTS_QUEUE_BYTES, run fewer workers, or give them more memory.",
)

CHECKS: Final = (EARLY_CLIENT, EVENTLET, GEVENT_POWER, MEMORY)

# cgroup 2 and cgroup 1, as a container sees its own.
_LIMITS: Final = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_TOTAL: Final = re.compile(r"^MemTotal:\s+(\d+) kB$", re.MULTILINE)
_TASKS: Final = Path("/proc/self/task")


def kafka_clients() -> frozenset[str]:
    """The main threads of this process's clients of librdkafka, by id: each has one. None where there is no /proc."""
    # Twice: Linux ends the list of a process's threads early where the one that it has come to ends meanwhile.
    return frozenset((*_listed_clients(), *_listed_clients()))


def _listed_clients() -> Iterator[str]:
    for task in _TASKS.glob("*"):
        with suppress(OSError):  # one that ends while we look
            if (task / "comm").read_text() == "rdk:main\n":
                yield task.name


def memory_bytes(root: Path = Path("/")) -> int | None:
    """How much memory there is: the container's limit or the machine's, whichever is less; None where nobody tells.

    Args:
        root: where /proc and /sys are.
    """
    known = []
    with suppress(OSError):
        known += [int(kib) * 1024 for kib in _TOTAL.findall((root / "proc/meminfo").read_text())]
    for name in _LIMITS:
        with suppress(OSError, ValueError):  # cgroup 2 says "max" where there is no limit
            known.append(int((root / name).read_text()))
    return min(known, default=None)


def check_process(
    settings: Settings, serving: Serving, *, early_clients: int, early_events: int, memory: int | None
) -> Iterator[Finding]:
    """What is wrong with how the processes are made and with how many there are.

    Args:
        settings: the app's.
        serving: what is known of the server.
        early_clients: clients of librdkafka that were made while the app was loaded.
        early_events: events that were emitted by then.
        memory: bytes that there are for all workers; None where nobody knows.
    """
    if early_clients or early_events:
        # Not how many: a new thread of librdkafka's has its maker's name for a moment, and looks like another client.
        clients = ["made a Kafka client"] if early_clients else []
        events = [f"emitted {early_events} event(s)"] if early_events else []
        problem = f"Loading the app {' and '.join([*clients, *events])}."
        yield EARLY_CLIENT.found(problem, where="the app's modules and its factory")
    if "eventlet" in serving.worker_class or _has_patched("eventlet.patcher"):
        yield EVENTLET.found("The workers are eventlet's.", where="the server's worker class")
    is_gevent = "gevent" in serving.worker_class or is_patched()
    if is_gevent and settings.journal is not None and settings.journal_sync == "power":
        problem = "Each emit stops gevent's hub until the disk has it."
        yield GEVENT_POWER.found(problem, where="KAFKA_EVENTS_JOURNAL_SYNC")
    need = serving.workers * settings.queue_bytes
    if memory is not None and need > memory // 2:
        yield MEMORY.found(
            f"{serving.workers} worker(s) may hold {_mib(need)} of events, and there are {_mib(memory)} of memory.",
            where="KAFKA_EVENTS_QUEUE_BYTES",
        )


def _has_patched(module: str) -> bool:
    patcher: Any = sys.modules.get(module)
    return patcher is not None and bool(patcher.is_monkey_patched("thread"))


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
