"""`flask kafka-events stats`: the sum over the app's processes, and a line for each."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec

from flask_kafka_events import current_event, emit_event
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.counting.layout import encode
from flask_kafka_events.counting.place import COUNTERS, LOCK
from flask_kafka_events.counting.writing import HEARTBEAT
from flask_kafka_events.journal.claim import take
from flask_kafka_events.ledger import Ledger, Stats
from tests.processes import wait_until
from tests.sending import Shop, shop
from tests.unit.test_counter_files import counters, folder_of, read
from tests.unit.test_journaling import journaling


def run(held: Shop, *words: str, status: int = 0) -> tuple[str, str]:
    """What the command prints on standard output, and on standard error."""
    result = held.app.test_cli_runner().invoke(kafka_events, ["stats", *words])
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


def document(held: Shop) -> dict[str, Any]:
    """What it prints for a program."""
    printed: dict[str, Any] = json.loads(run(held, "--json")[0])
    return printed


def ledger(*, delivered: int = 0, pending: int = 0, dropped: int = 0) -> Stats:
    """Figures that add up."""
    made = Ledger()
    for _ in range(delivered + pending + dropped):
        made.enter()
    for _ in range(delivered):
        made.deliver()
    made.drop("queue_full", dropped)
    return made.read()


def left(root: Path, name: str, stats: Stats, **more: Any) -> Path:
    """The file of another process."""
    folder_of(root).mkdir(exist_ok=True)
    path = folder_of(root) / f"{name}{COUNTERS}"
    path.write_bytes(
        encode(msgspec.structs.replace(counters(stats), written=datetime.now(timezone.utc), **more))
    )
    return path


def test_processes_add_up(tmp_path: Path) -> None:
    """The sum and each line keep the law; each tells what its process is, and how old its figures are."""
    with journaling(tmp_path) as held:
        left(tmp_path, "000", ledger(delivered=2, dropped=1), pid=100, is_closed=True)
        left(tmp_path, "001", ledger(delivered=1, pending=2), pid=200)
        held.mine.emit("sold", wait=5)
        wait_until(
            lambda: len(read(tmp_path)) == 3 and read(tmp_path)[2].counters.stats.delivered == 1,
            "it is written",
        )
        printed, said = run(held)
    assert said == ""
    sum_, *lines = printed.splitlines()
    assert re.split("  +", sum_) == [
        "sum of 3", "7 emitted", "+ 0 adopted", "= 4 delivered", "+ 0 failed", "+ 1 dropped", "+ 0 dead", "+ 2 pending",
    ]  # fmt: skip
    assert [re.split("  +", line)[:3] for line in lines[:2]] == [
        ["100@web-1", "closed", "3 emitted"],
        ["200@web-1", "killed", "3 emitted"],
    ]
    assert re.fullmatch(r"\d+@\S+ +running  1 emitted  .*= 1 delivered .* \d s old", lines[2])
    assert lines[3] == "dropped: 1 queue_full"
    assert lines[4].startswith(
        "2 pending of processes that are closed or were killed: with a journal the next process sends them"
    )


def test_json_holds_every_figure(tmp_path: Path) -> None:
    """Of the sum and of each process, with moments that a program can read."""
    with journaling(tmp_path) as held:
        left(tmp_path, "0", ledger(delivered=2, dropped=1), is_closed=True)
        printed = document(held)
    assert printed["directory"] == str(folder_of(tmp_path))
    assert printed["unreadable"] == []
    (process,) = printed["processes"]
    assert process["state"] == "closed"
    assert process["dropped_by_reason"] == printed["sum"]["dropped_by_reason"] == {"queue_full": 1}
    assert (process["emitted"], process["dropped"], process["failed"]) == (3, 1, 0)
    assert datetime.fromisoformat(process["written"]) > datetime.fromisoformat(process["started"])
    assert 0 <= process["seconds_old"] < 60


def test_what_never_became_an_event_is_told_apart(tmp_path: Path) -> None:
    """It is in no term of the law."""
    with journaling(tmp_path) as held, held.app.app_context():
        emit_event("sold")(current_event.discard)()
        held.mine.emit("sold", wait=5)
        held.mine.close()
        printed, _ = run(held)
    assert "apart: 1 discarded" in printed.splitlines()


def test_a_damaged_file_is_told_and_the_others_are_added(tmp_path: Path) -> None:
    """On standard error, and for a program in the object."""
    with journaling(tmp_path) as held:
        left(tmp_path, "0", ledger(delivered=2), is_closed=True)
        left(tmp_path, "1", ledger()).write_text("rubbish")
        printed, said = run(held)
        assert printed.startswith("sum of 1")
        assert re.fullmatch(
            r".*/1\.counters: It is damaged, or no counter file: .* It was left out\.\n", said
        )
        (unreadable,) = document(held)["unreadable"]
        assert unreadable["file"] == "1.counters"


def test_a_process_that_is_late_is_named(tmp_path: Path) -> None:
    """It lives and writes nothing, not even what hasn't changed."""
    with journaling(tmp_path) as held:
        path = left(tmp_path, "0", ledger(delivered=2), pid=100)
        claim = take(path.with_suffix(LOCK), create=True)
        assert claim is not None
        assert "late" not in run(held)[0]
        old = datetime.now(timezone.utc) - timedelta(seconds=2 * HEARTBEAT + 1)
        path.write_bytes(encode(msgspec.structs.replace(counters(ledger(delivered=2)), pid=100, written=old)))
        printed, _ = run(held)
        assert "1 min old" in printed
        assert "100@web-1 is late with its figures: it is stopped, stuck or very busy." in printed
        claim.release()


def test_nothing_written_yet_is_said(tmp_path: Path) -> None:
    """The sum is of nothing, for a program too."""
    with journaling(tmp_path) as held:
        printed, said = run(held)
        assert (printed, said) == ("", f"No process has written its counters to {folder_of(tmp_path)}.\n")
        assert document(held)["sum"]["emitted"] == 0
        assert document(held)["processes"] == []


def test_an_app_whose_processes_share_nothing_is_told_what_to_do() -> None:
    """It has neither a journal nor the embedded broker."""
    with shop() as here:
        _, said = run(here, status=1)
    assert said == (
        "Error: The processes of app 'shop' keep no counters on disk: it has neither a journal nor the embedded broker. Set "
        "KAFKA_EVENTS_JOURNAL, or ask each process itself: events.stats(), or a page with it.\n"
    )


def test_a_hostile_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """What it says of itself is escaped."""
    with journaling(tmp_path) as held:
        left(tmp_path, "0", ledger(delivered=2), host="web\x1b[2J\n")
        printed, _ = run(held)
    assert all(line.isprintable() for line in printed.splitlines())
