"""Under gunicorn's gevent worker nothing is lost, and no greenlet waits because of us."""

import shutil
import signal
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from flask_kafka_events.event import Record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from tests.processes import wait_until
from tests.servers.served import TOPIC
from tests.servers.serving import arrived, serving, told
from tests.servers.test_journal import journal_of, rows
from tests.servers.test_servers import REQUESTS

COMMAND = ("gunicorn", "-b", "127.0.0.1:PORT", "-k", "gevent", "tests.servers.ticking:create_app()")
CLOSE_SECONDS = 0.5
RUNS = 3
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


def run(broker: str, folder: Path, environment: dict[str, str], *, large: Path | None = None) -> Run:
    """Serve some requests under gevent, wait, until a `large` orphan is gone if there is one, and end by SIGTERM."""
    left = folder / "stall"
    environment |= {"SERVED_LAST_STALL": str(left), "SERVED_CLOSE_SECONDS": str(CLOSE_SECONDS)}
    with serving(broker, folder, *COMMAND, **environment) as server:
        server.get("/stall")  # what the start took is not ours
        for _ in range(REQUESTS):
            assert server.get("/buy") == "sold"
        time.sleep(0.5)  # the poller's turns: five polls, each of which would stop the hub
        if large is not None:
            wait_until(lambda: not large.exists(), "all of the orphan is sent", seconds=30)
        served = float(server.get("/stall"))
        began = time.monotonic()
        assert server.end(signal.SIGTERM) == 0
        ended = (time.monotonic() - began) * 1000
    return Run(served, float(left.read_text()), ended)


def check(runs: list[Run]) -> None:
    """Of the longest pause of each run the median is below 20 ms.

    A machine that is busy otherwise makes one tick late now and then, and each of our polls on the hub would make one
    100 ms late in every run.
    """
    assert statistics.median(each.serving for each in runs) < 20, runs
    assert statistics.median(each.closing for each in runs) < 20, runs


@pytest.mark.parametrize("mode", ["memory", "journal"])
@pytest.mark.parametrize("is_alive", [True, False], ids=["broker", "no-broker"])
def test_hub_never_stalls(broker: Lease, tmp_path: Path, *, is_alive: bool, mode: str) -> None:
    """A greenlet that ticks is never 20 ms late because of us: serving, waiting, closing, with or without a broker."""
    address = broker.address if is_alive else "127.0.0.1:1"
    folders = [tmp_path / str(number) for number in range(RUNS)]
    runs = []
    for folder in folders:
        folder.mkdir()
        journal = {} if mode == "memory" else {"SERVED_JOURNAL": str(folder / "journal")}
        runs.append(run(address, folder, journal))
    check(runs)
    if is_alive:
        assert len(set(arrived(address, TOPIC))) == RUNS * REQUESTS
    else:
        kept = [rows(folder) for folder in folders] if mode == "journal" else map(told, folders)
        assert list(kept) == [REQUESTS] * RUNS
        assert min(each.ending for each in runs) < (CLOSE_SECONDS + 0.5) * 1000 + 1000, (
            "a second for gunicorn"
        )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal file of a dead process with many records."""
    path = tmp_path_factory.mktemp("large") / "0.journal"
    file = JournalFile(path)
    for first in range(1, LARGE, BATCH):
        file.append([entry(seq) for seq in range(first, first + BATCH)])
    file.close()
    return path


def entry(seq: int) -> Entry:
    """A record of the usual size."""
    value = b"%0500d" % seq
    return Entry(
        seq=seq, record=Record(id=str(seq), type="bought", topic=TOPIC, key=None, value=value, headers=())
    )


@pytest.mark.parametrize("is_alive", [True, False], ids=["broker", "no-broker"])
def test_hub_never_stalls_while_a_large_file_is_adopted(
    broker: Lease, tmp_path: Path, large: Path, *, is_alive: bool
) -> None:
    """Checking, counting, sending and giving up the file of a dead process leaves the other greenlets their turns."""
    runs = []
    for number in range(RUNS):
        folder = tmp_path / str(number)
        orphan = journal_of(folder) / large.name
        orphan.parent.mkdir(parents=True)
        shutil.copyfile(large, orphan)
        environment = {"SERVED_JOURNAL": str(folder / "journal"), "SERVED_LINGER_MS": "5"}
        address = broker.address if is_alive else "127.0.0.1:1"
        runs.append(run(address, folder, environment, large=orphan if is_alive else None))
        assert rows(folder) == (0 if is_alive else LARGE + REQUESTS)
    check(runs)
