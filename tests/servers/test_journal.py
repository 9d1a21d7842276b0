"""With a journal no end of a process loses an event: what was answered 2xx, minus what is read back, is nothing."""

import json
import os
import signal
import time
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease
from flask_kafka_events.journal.claim import is_taken
from tests.journals import rows_in
from tests.processes import wait_until
from tests.servers.kinds import KINDS, Kind, each
from tests.servers.served import TOPIC
from tests.servers.serving import Server, arrived, clients, serving, serving_kind, told

REQUESTS = 40


def journal_of(folder: Path) -> Path:
    """Where the served app's journal files are."""
    return folder / "journal" / "served"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What gives the served app a journal."""
    return {"SERVED_JOURNAL": str(folder / "journal"), **more}


def numbers(broker: Lease) -> set[int]:
    """The numbers of the events read back; one that was sent twice has the same id and content."""
    events = [json.loads(value) for value in set(arrived(broker.address, TOPIC))]
    assert len({event["id"] for event in events}) == len(events), "a duplicate is the same event"
    return {event["data"]["number"] for event in events if "data" in event}


def rows(folder: Path) -> int:
    """How many events wait on disk."""
    return rows_in(journal_of(folder), ["record"])


def start_and_end(broker: Lease, folder: Path, kind: Kind) -> None:
    """Start a server again, have it emit once, and end it the way that lets it close."""
    with serving_kind(broker.address, folder, kind, **environment(folder)) as server:
        assert server.get("/buy") == "sold"
        # It is adopted by a thread that the emit started: an end before that leaves it to yet another start.
        wait_until(lambda: all(map(is_taken, locks(folder))), "what was left has an owner", seconds=20)
        assert server.end(kind.signum) == kind.status


def locks(folder: Path) -> list[Path]:
    """The locks of the journal's files."""
    return [path.with_suffix(".lock") for path in journal_of(folder).glob("*.journal")]


def kill(server: Server) -> str:
    """Kill the process that answers with -9; its pid."""
    process = server.get("/pid")
    os.kill(int(process), signal.SIGKILL)
    return process


def served_by(answered: dict[int, str], workers: int) -> set[str]:
    """The processes that have sold something, once they are so many."""
    wait_until(lambda: len(set(answered.values())) >= workers, f"{workers} processes have sold")
    return set(answered.values())


@each("sync", "gthread", "gevent", "preload", "uwsgi", "uwsgi-lazy-threads")
def test_killed_worker_loses_nothing(broker: Lease, tmp_path: Path, kind: Kind) -> None:
    """Under load a worker is killed with -9: the one in its place sends what it left, and leaves nothing itself."""
    with (
        serving_kind(broker.address, tmp_path, kind, **environment(tmp_path)) as server,
        clients(server) as answered,
    ):
        workers = served_by(answered, kind.workers)
        wait_until(lambda: len(answered) >= REQUESTS, "clients are served")
        assert kill(server) in workers
        served_by(answered, kind.workers + 1)
        assert server.end(kind.signum) == kind.status
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


@each("gthread", "uwsgi", "uwsgi-lazy-threads", "hypercorn", "flask-run")
def test_next_start_sends_what_a_killed_server_left(broker: Lease, tmp_path: Path, kind: Kind) -> None:
    """All processes of a server are killed with -9 under load, as by a machine's end: the next start sends it all."""
    with (
        serving_kind(broker.address, tmp_path, kind, **environment(tmp_path)) as server,
        clients(server) as answered,
    ):
        served_by(answered, kind.workers)
        wait_until(lambda: len(answered) >= REQUESTS, "clients are served")
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(20)
    assert rows(tmp_path) >= len(answered), "librdkafka holds them back for a minute"
    start_and_end(broker, tmp_path, kind)
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


def test_next_start_sends_what_a_killed_worker_left(broker: Lease, tmp_path: Path) -> None:
    """Hypercorn doesn't replace a worker that is killed with -9, but ends with it: the next start sends it all."""
    kind = KINDS["hypercorn"]
    with (
        serving_kind(broker.address, tmp_path, kind, **environment(tmp_path)) as server,
        clients(server) as answered,
    ):
        wait_until(lambda: len(answered) >= REQUESTS, "clients are served")
        assert kill(server) != str(server.process.pid)
        server.process.wait(20)
    assert rows(tmp_path) >= len(answered)
    start_and_end(broker, tmp_path, kind)
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


@each("hypercorn", "flask-run", "flask-run-interrupted", "waitress", "uvicorn")
def test_signal_after_the_last_answer_leaves_nothing(broker: Lease, tmp_path: Path, kind: Kind) -> None:
    """A server that ends in order sends what waits, tells no loss, and leaves no file."""
    with serving_kind(broker.address, tmp_path, kind, **environment(tmp_path)) as server:
        answered = {number: server.get(f"/buy/{number}") for number in range(REQUESTS)}
        assert server.end(kind.signum) == kind.status
    assert told(tmp_path) == 0
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


# Both end by their own SIGTERM past every exit handler, uWSGI where a request is under way: in memory all 20 of 20
# events and 54 of 110 were lost.
PAST_EVERY_HANDLER = {
    "uvicorn": (KINDS["uvicorn"], -signal.SIGTERM),
    "die-on-term": (
        replace(KINDS["uwsgi"], command=(*KINDS["uwsgi"].command[:-2], "--die-on-term"), ready="worker 2"),
        0,
    ),
}


@pytest.mark.parametrize(("kind", "status"), PAST_EVERY_HANDLER.values(), ids=PAST_EVERY_HANDLER.keys())
def test_next_start_sends_what_an_end_past_all_handlers_left(
    broker: Lease, tmp_path: Path, kind: Kind, status: int
) -> None:
    """A server that leaves past atexit on SIGTERM, under load, leaves its events to the next start."""
    with (
        serving_kind(broker.address, tmp_path, kind, **environment(tmp_path)) as server,
        clients(server) as answered,
    ):
        wait_until(lambda: len(answered) >= REQUESTS, "clients are served")
        assert server.end(signal.SIGTERM) == status
    # Not by --die-on-term again: a worker whose answer has just arrived may still be in its request.
    start_and_end(broker, tmp_path, KINDS[kind.command[0]])
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


def test_end_without_a_broker_leaves_all_to_the_next_start(broker: Lease, tmp_path: Path) -> None:
    """SIGTERM while the broker is away: the end keeps its deadline, nothing is told as lost, and all is sent later."""
    kind, seconds = KINDS["waitress"], 0.5
    settings = environment(tmp_path, SERVED_CLOSE_SECONDS=str(seconds))
    with serving_kind("127.0.0.1:1", tmp_path, kind, **settings) as server:
        answered = {number: server.get(f"/buy/{number}") for number in range(REQUESTS)}
        began = time.monotonic()
        assert server.end(kind.signum) == kind.status
        took = time.monotonic() - began
    assert took < seconds + 0.5 + 0.5, "the deadline, its half second, and as much for the machine"
    assert told(tmp_path) == 0
    assert rows(tmp_path) == REQUESTS
    start_and_end(broker, tmp_path, kind)
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


@pytest.mark.parametrize("is_alive", [True, False], ids=["broker", "no-broker"])
def test_aborted_worker_leaves_what_it_cannot_send(broker: Lease, tmp_path: Path, *, is_alive: bool) -> None:
    """A worker that hangs has half a second: what it can't send then, the one in its place, or the next start, sends."""
    address = broker.address if is_alive else "127.0.0.1:1"
    command = (*KINDS["sync"].command, "--timeout", "1")
    with serving(address, tmp_path, *command, **environment(tmp_path, SERVED_CLOSE_SECONDS="1")) as server:
        answered = {number: server.get(f"/buy/{number}") for number in range(REQUESTS)}
        with pytest.raises(urllib.error.HTTPError):
            server.get("/hang")
        answered[REQUESTS] = server.get(f"/buy/{REQUESTS}")
        assert server.end(signal.SIGTERM) == 0
    assert len(set(answered.values())) == 2, "another worker took its place"
    assert rows(tmp_path) == (0 if is_alive else REQUESTS + 1)
    start_and_end(broker, tmp_path, KINDS["sync"])
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []


@pytest.mark.parametrize("how", ["max-requests", "reload"])
def test_replaced_workers_leave_no_file(broker: Lease, tmp_path: Path, how: str) -> None:
    """Workers that gunicorn replaces, after so many requests or on SIGHUP, send what they have and remove their files."""
    more = ("--max-requests", "50") if how == "max-requests" else ()
    with (
        serving(
            broker.address, tmp_path, *KINDS["preload"].command, *more, **environment(tmp_path)
        ) as server,
        clients(server) as answered,
    ):
        workers = served_by(answered, 2)
        if how == "reload":
            server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(set(answered.values()) - workers) >= 2, "others have sold")
        assert server.end(signal.SIGTERM) == 0
    assert told(tmp_path) == 0
    assert set(answered) - numbers(broker) == set()
    assert list(journal_of(tmp_path).iterdir()) == []
