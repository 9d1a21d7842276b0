"""Events that wait: the memory and the disk that each takes, how fast a journal takes them, and how fast they are sent.

`fill` and `send` are processes of their own, the first of which ends as by kill -9: the second takes its journal over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.sheets import Sheet
from benchmarks.shops import NOWHERE, calling, extended
from flask_kafka_events import KafkaEvents
from tests.faults.vitals import MEGABYTE, disk_use, vitals
from tests.processes import wait_until

_FIRST: Final = 5_000
#: Until the process ends, without a close.
_held: Final = ExitStack()
_LIMITS: Final = {"QUEUE_EVENTS": 10_000_000, "QUEUE_BYTES": 2**34, "JOURNAL_MAX_BYTES": 2**35}


def backlog(servers: str, *, events: int, rounds: int) -> dict[str, Sheet]:
    """So many events of one key that wait for a broker, in a journal, which is then sent by another process.

    A tenth as many wait in memory.
    """
    size = Sheet(unit="bytes", figures={"in memory": [], "with the journal": [], "its file": []})
    rate = Sheet(unit="1/s", figures={"into memory": [], "into the journal": [], "sent from the journal": []})
    peak = Sheet(unit="MB", figures={"more of the process that sends": []})
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            memory, journal = _filled(events // 10), _filled(events, folder)
            sent = _child("send", servers, str(events), folder)
        for sheet, figures in (
            (size, (memory["size"], journal["size"], journal["disk"])),
            (rate, (memory["rate"], journal["rate"], sent["rate"])),
            (peak, (sent["peak"],)),
        ):
            for name, figure in zip(sheet.figures, figures, strict=True):
                sheet.figures[name].append(figure)
    return {"an event": size, "rate": rate, "memory": peak}


def _filled(events: int, folder: str = "") -> dict[str, float]:
    return _child("fill", NOWHERE, str(events), folder)


def _child(*command: str) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", __name__, *command], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _fill(servers: str, events: int, folder: str) -> dict[str, float]:
    call = calling(_held.enter_context(extended(servers, **_settings(folder))))
    call(_FIRST)  # what comes with the first events is no part of the later ones
    before, began = vitals(os.getpid()).memory, time.perf_counter()
    call(events)
    seconds = time.perf_counter() - began
    after = vitals(os.getpid()).memory
    disk = disk_use(Path(folder)) / (events + _FIRST) if folder else 0.0
    return {"size": (after - before) / events, "disk": disk, "rate": events / seconds}


def _send(servers: str, events: int, folder: str) -> dict[str, float]:
    with extended(servers, **_settings(folder)) as app:
        mine = KafkaEvents().for_app(app)
        before, began = vitals(os.getpid()).memory, time.perf_counter()
        calling(app)(1)
        wanted = events + _FIRST + 1
        wait_until(lambda: mine.stats().delivered == wanted, "all are sent", seconds=600)
        seconds = time.perf_counter() - began
        return {"rate": wanted / seconds, "peak": (vitals(os.getpid()).peak - before) / MEGABYTE}


def _settings(folder: str) -> dict[str, Any]:
    return {**_LIMITS, **({"JOURNAL": folder} if folder else {})}


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    result = {"fill": _fill, "send": _send}[what](words[0], int(words[1]), words[2])
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)
