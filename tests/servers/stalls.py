"""How long the hub of a gevent worker pauses at most: while it serves, waits and ends."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from tests.processes import wait_until
from tests.servers.served import TOPIC
from tests.servers.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "127.0.0.1:1"
COMMAND = ("gunicorn", "-b", "127.0.0.1:PORT", "-k", "gevent", "tests.servers.ticking:create_app()")
CLOSE_SECONDS = 0.5
REQUESTS = 40
#: Records in the file of a dead process, and how many are written to it at a time.
LARGE = 50_000
BATCH = 500


@dataclass(frozen=True)
class Run:
    """What one worker met, in milliseconds: its longest pause while it served and while it closed.

    Attributes:
        serving: from the first request to the last, and half a second of waiting.
        closing: from the signal on.
        ending: how long the whole end took.
    """

    serving: float
    closing: float
    ending: float


def run(broker: str, folder: Path, *, journal: bool, large: Path | None = None) -> Run:
    """Serve some requests under gevent, wait, and end by SIGTERM.

    Args:
        broker: its address; `NOWHERE` for none.
        folder: a new one, for the log and the journal.
        journal: whether the app has one.
        large: a file to adopt there; it is waited for until all of it is sent, where there is a broker.
    """
    folder.mkdir()
    left, orphan = folder / "stall", folder / "journal" / TOPIC / "0.journal"
    environment = {"SERVED_LAST_STALL": str(left), "SERVED_CLOSE_SECONDS": str(CLOSE_SECONDS)}
    if journal:
        environment["SERVED_JOURNAL"] = str(folder / "journal")
    if large is not None:
        orphan.parent.mkdir(parents=True)
        shutil.copyfile(large, orphan)
        environment["SERVED_LINGER_MS"] = "5"
    with serving(broker, folder, *COMMAND, **environment) as server:
        server.get("/stall")  # what the start took is not ours
        for _ in range(REQUESTS):
            assert server.get("/buy") == "sold"
        time.sleep(0.5)  # the poller's turns: five polls, each of which would stop the hub
        if large is not None and broker != NOWHERE:
            wait_until(lambda: not orphan.exists(), "all of the orphan is sent", seconds=60)
        served = float(server.get("/stall"))
        began = time.monotonic()
        assert server.end(signal.SIGTERM) == 0
        ended = (time.monotonic() - began) * 1000
    return Run(served, float(left.read_text()), ended)


def make_large(path: Path) -> Path:
    """The journal file of a dead process, with many records of the usual size."""
    file = JournalFile(path)
    for first in range(1, LARGE, BATCH):
        file.append([_entry(seq) for seq in range(first, first + BATCH)])
    file.close()
    return path


def _entry(seq: int) -> Entry:
    value = b"%0500d" % seq
    return Entry(
        seq=seq, record=Record(id=str(seq), type="bought", topic=TOPIC, key=None, value=value, headers=())
    )
