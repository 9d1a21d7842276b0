"""Each process that has emitted keeps its counters in a file of its own, and whoever may read it can add them up."""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask, jsonify
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events import Stats
from flask_kafka_events.app_log import AppLog
from flask_kafka_events.counting.layout import Counters, CountersUnreadable, decode, encode, total
from flask_kafka_events.counting.place import COUNTERS, DRAFT, LOCK, YOUNG, Place
from flask_kafka_events.counting.reading import ProcessCounters, Unreadable, read_counters
from flask_kafka_events.counting.writing import HEARTBEAT, INTERVAL, KEPT, LATE, RETRY, CounterFile
from flask_kafka_events.journal.claim import take
from flask_kafka_events.journal.long_work import DoLong, at_once
from flask_kafka_events.ledger import Ledger
from tests.limits import largest_file
from tests.log_lines import fields
from tests.processes import wait_until
from tests.sending import shop
from tests.unit.forked import forked
from tests.unit.test_journaling import journaling, resume

MOMENT = datetime(2026, 11, 25, 13, 17, tzinfo=timezone.utc)
COUNTS = st.integers(0, 2**40)
REASONS = st.dictionaries(st.text(max_size=20), COUNTS, max_size=4)


@st.composite
def ledgers(draw: st.DrawFn) -> Stats:
    """Figures that add up."""
    found: dict[str, Any] = {
        each.name: draw(REASONS if "reason" in each.name else COUNTS) for each in fields_of(Stats)
    }
    lost = sum(found["failed_by_reason"].values()) + sum(found["dropped_by_reason"].values())
    entered = lost + found["delivered"] + found["dead"] + found["pending"]
    found["adopted"] = draw(st.integers(0, entered))
    return Stats(**{**found, "emitted": entered - found["adopted"]})


def counters(stats: Stats | None = None, *, is_closed: bool = False, pid: int = 7) -> Counters:
    """A file's content."""
    return Counters(
        app="shop",
        pid=pid,
        host="web-1",
        boot="",
        started=MOMENT,
        written=MOMENT,
        is_closed=is_closed,
        stats=stats or Ledger().read(),
    )


def folder_of(root: Path) -> Path:
    """Where the shop's files are."""
    return root / f"shop{COUNTERS}"


def read(root: Path) -> list[ProcessCounters]:
    """What the shop's processes have written; all of it can be read."""
    found = list(read_counters(Place(folder_of(root))))
    assert not [each for each in found if isinstance(each, Unreadable)]
    return [each for each in found if isinstance(each, ProcessCounters)]


@given(stats=ledgers(), pid=st.integers(1, 2**22), host=st.text(max_size=64))
def test_what_is_written_is_read(stats: Stats, pid: int, host: str) -> None:
    """Every ledger, and every name of a host."""
    written = msgspec.structs.replace(counters(stats), pid=pid, host=host)
    back = decode(encode(written))
    assert msgspec.structs.replace(back, stats=stats) == written
    assert back.stats == stats


@given(content=st.binary(max_size=200))
def test_what_is_no_counter_file_is_told(content: bytes) -> None:
    """Whatever it is, it is named as damaged and raises nothing else."""
    with pytest.raises(CountersUnreadable, match="damaged"):
        decode(content)


@given(stats=ledgers(), length=st.integers(0, 400))
def test_half_a_file_is_told(stats: Stats, length: int) -> None:
    """A file that ends too early is damaged, wherever it ends."""
    content = encode(counters(stats)).rstrip()
    with pytest.raises(CountersUnreadable, match="damaged"):
        decode(content[: min(length, len(content) - 1)])


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b'"version":1', b'"version":2', "is of version 2, written by a newer flask_kafka_events"),
        (b'"emitted":0', b'"emitted":1', "figures don't add up"),
        (b'"vetoed":0', b'"vetoed":-1', "figures don't add up"),
        (b'"vetoed":0', b'"vetoed":"0"', "Expected `int`"),
        (b'"host":"web-1"', b'"host":"web-\xff"', "damaged"),
        (b'"vetoed":0', b'"vetoed":' + b"9" * 4300, "figures don't add up"),
        (b'"pid":7', b'"pid":' + b"9" * 4300, "damaged"),
        (b"2026-11-25T13:17:00Z", b"2026-11-25T13:17:00", "with a timezone"),
        (b'"version":1', b'"version":1,"more":' + b"[" * 60_000, "damaged"),
    ],
)
def test_what_cannot_be_is_told(before: bytes, after: bytes, why: str) -> None:
    """A later layout, figures that break the law, a figure that is none."""
    content = encode(counters())
    assert before in content
    with pytest.raises(CountersUnreadable, match=why):
        decode(content.replace(before, after))


@given(stats=ledgers())
def test_a_ledger_can_become_json(stats: Stats) -> None:
    """As a page of the app's own would tell it; the same is made of it again."""
    app = Flask("shop")
    with app.app_context():
        told = app.json.loads(jsonify(stats.as_dict()).get_data(as_text=True))
    assert told == stats.as_dict()
    assert Stats(**told) == stats


@pytest.mark.parametrize("lacking", [each.name for each in fields_of(Stats)])
def test_a_file_that_lacks_a_figure_is_read(lacking: str) -> None:
    """In a rolling deploy a process of the version before has written no such one: it is none, and nothing is damaged."""
    document = msgspec.json.decode(encode(counters()))
    del document["stats"][lacking]
    assert decode(msgspec.json.encode(document)) == counters()


@given(all_stats=st.lists(ledgers(), max_size=4))
def test_the_sum_keeps_the_law(all_stats: list[Stats]) -> None:
    """Of every figure, and for each reason."""
    sum_ = total(all_stats)
    ends = sum_.delivered + sum_.failed + sum_.dropped + sum_.dead + sum_.pending
    assert sum_.emitted + sum_.adopted == ends
    assert sum_.failed == sum(each.failed for each in all_stats)
    assert sum_.vetoed == sum(each.vetoed for each in all_stats)


def test_a_process_that_emits_writes_its_counters(tmp_path: Path) -> None:
    """Beside the journal's directory, by and by, and its last ones as it closes."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        wait_until(lambda: len(read(tmp_path)) == 1, "they are written")
        (running,) = read(tmp_path)
        assert running.state == "running"
        assert running.counters.app == "shop"
        assert running.counters.pid == os.getpid()
        assert running.counters.stats.pending == 1
        assert (datetime.now(timezone.utc) - running.counters.written).total_seconds() < 5
        assert running.counters.started <= running.counters.written
        resume(held)
        held.mine.flush(5)
        wait_until(lambda: read(tmp_path)[0].counters.stats.delivered == 1, "they are written again")
        held.mine.emit("sold")
        held.mine.flush(5)
    (ended,) = read(tmp_path)
    assert ended.state == "closed"
    assert ended.counters.stats.delivered == 2
    modes = {path.name.rpartition(".")[2]: path.stat().st_mode for path in folder_of(tmp_path).iterdir()}
    assert {name: stat.S_IMODE(mode) for name, mode in modes.items()} == {"counters": 0o600}
    assert stat.S_IMODE(folder_of(tmp_path).stat().st_mode) == 0o700


def test_nothing_is_written_by_a_process_that_does_not_emit(tmp_path: Path) -> None:
    """Nor by one whose app has neither a journal nor the embedded broker."""
    with journaling(tmp_path / "journal"):
        pass
    with shop() as here:
        here.mine.emit("sold", wait=5)
    assert list(tmp_path.iterdir()) == []


def test_what_came_to_nothing_is_written_at_the_end(tmp_path: Path) -> None:
    """Although no poller ever ran."""
    with journaling(tmp_path) as held:
        held.mine.emit("sold", float("nan"))
    (ended,) = read(tmp_path)
    assert ended.counters.stats.failed_by_reason == {"encoding": 1}
    assert ended.state == "closed"


def test_what_is_dropped_after_the_end_is_written_with_it(tmp_path: Path) -> None:
    """Closing once more writes the figures once more."""
    with journaling(tmp_path) as held:
        held.mine.emit("sold", wait=5)
        held.mine.close()
        held.mine.emit("sold")
    (ended,) = read(tmp_path)
    assert ended.counters.stats.dropped_by_reason == {"closed": 1}
    assert [path.suffix for path in folder_of(tmp_path).iterdir()] == [COUNTERS]


def test_a_forked_child_writes_its_own(tmp_path: Path) -> None:
    """Beside its parent's; one that is killed leaves its last figures behind."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        wait_until(lambda: len(read(tmp_path)) == 1, "the parent's are written")

        def emit_too() -> int:
            held.mine.emit("sold")
            held.mine.emit("sold")
            wait_until(
                lambda: [each.counters.stats.emitted for each in read(tmp_path)] == [1, 2], "both are written"
            )
            return os.getpid()

        child = forked(emit_too)
        running, killed = read(tmp_path)
        assert (running.state, running.counters.pid) == ("running", os.getpid())
        assert (killed.state, killed.counters.pid) == ("killed", child)
        assert (running.counters.stats.emitted, killed.counters.stats.emitted) == (1, 2)


class Writer:
    """A counter file, and what it is written from."""

    def __init__(self, root: Path, do_long: DoLong = at_once) -> None:
        self.ledger = Ledger()
        self.now = 1000.0
        self.file = CounterFile(
            app_name="shop",
            ledger=self.ledger,
            place=lambda: Place(folder_of(root)),
            log=AppLog(logging.getLogger),
            do_long=do_long,
            clock=lambda: self.now,
        )

    def turn(self, seconds: float) -> None:
        """So many seconds later."""
        self.now += seconds
        self.file.write_due()

    def reads(self, root: Path) -> int:
        """How many events were emitted, as the file has it."""
        (one,) = read(root)
        return one.counters.stats.emitted


def test_what_is_dropped_after_a_close_is_written(tmp_path: Path) -> None:
    """Although no poller is there any more, and the process goes on; even where it never ran."""
    with journaling(tmp_path) as held:
        held.mine.close()
        for count in range(1, 4):
            held.mine.emit("sold")
            (closed,) = read(tmp_path)
            assert closed.state == "closed"
            assert closed.counters.stats.dropped_by_reason == {"closed": count}
        assert [path.suffix for path in folder_of(tmp_path).iterdir()] == [COUNTERS]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """One that has written once."""
    made = Writer(tmp_path)
    made.ledger.enter()
    made.turn(0)
    assert made.reads(tmp_path) == 1
    yield made
    made.file.finish()


def written_at(root: Path) -> datetime:
    """When the one file was written."""
    return read(root)[0].counters.written


def test_figures_are_written_once_a_second(tmp_path: Path, writer: Writer) -> None:
    """However often the poller comes round."""
    writer.ledger.enter()
    for _ in range(3):
        writer.turn(INTERVAL / 4)
    assert writer.reads(tmp_path) == 1
    writer.turn(INTERVAL / 4)
    assert writer.reads(tmp_path) == 2


def test_figures_that_do_not_change_are_written_now_and_then(tmp_path: Path, writer: Writer) -> None:
    """So that a process that is stuck shows."""
    first = written_at(tmp_path)
    writer.turn(HEARTBEAT - 1)
    assert written_at(tmp_path) == first
    writer.turn(1)
    assert written_at(tmp_path) > first


def test_a_poller_that_comes_to_itself_after_the_end_writes_nothing(tmp_path: Path, writer: Writer) -> None:
    """What it would write would look like a killed process's."""
    writer.file.finish()
    writer.turn(HEARTBEAT)
    assert read(tmp_path)[0].state == "closed"


def test_a_flood_after_the_end_is_written_once_a_second(tmp_path: Path, writer: Writer) -> None:
    """Its first events at once, so that few are told exactly."""
    writer.file.finish()
    for _ in range(LATE + 9):
        writer.ledger.enter()
        writer.file.finish_again()
    assert writer.reads(tmp_path) == 1 + LATE
    writer.now += INTERVAL
    writer.file.finish_again()
    assert writer.reads(tmp_path) == 1 + LATE + 9


def test_what_cannot_be_written_is_told_and_tried_again(
    tmp_path: Path, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    """Once in a while; the file is as it was, and nothing else is left there."""
    writer.ledger.enter()
    with largest_file(0):
        writer.turn(INTERVAL)
        writer.turn(INTERVAL)
    assert fields(caplog) == [{"line": "counters_unwritten"}]
    assert "The counters for `flask kafka-events stats` can't be written" in caplog.text
    assert {path.suffix for path in folder_of(tmp_path).iterdir()} == {COUNTERS, LOCK}
    assert writer.reads(tmp_path) == 1
    writer.turn(RETRY - INTERVAL)
    assert writer.reads(tmp_path) == 2


def test_half_a_write_replaces_nothing(tmp_path: Path, writer: Writer) -> None:
    """The disk takes some bytes and no more: the good file of before stays."""
    writer.ledger.enter()
    with largest_file(200):
        writer.turn(INTERVAL)
    assert writer.reads(tmp_path) == 1
    assert {path.suffix for path in folder_of(tmp_path).iterdir()} == {COUNTERS, LOCK}
    writer.turn(RETRY)
    assert writer.reads(tmp_path) == 2


def test_nobody_waits_for_what_lies_in_a_drafts_place(tmp_path: Path, writer: Writer) -> None:
    """A pipe say, which nobody reads: it goes, and the next attempt succeeds."""
    (path,) = folder_of(tmp_path).glob(f"*{COUNTERS}")
    os.mkfifo(path.with_suffix(DRAFT))
    writer.ledger.enter()
    poller = threading.Thread(target=writer.turn, args=(INTERVAL,), daemon=True)
    poller.start()
    poller.join(5)
    assert not poller.is_alive()
    writer.turn(RETRY)
    assert writer.reads(tmp_path) == 2


def test_a_directory_of_another_user_is_not_written_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A link that somebody put there isn't followed."""
    (tmp_path / "theirs").mkdir()
    folder_of(tmp_path).symlink_to(tmp_path / "theirs")
    made = Writer(tmp_path)
    made.ledger.enter()
    made.turn(0)
    made.file.finish()
    assert "is not a directory of this user" in caplog.text
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_directory_that_was_deleted_is_made_again(tmp_path: Path, writer: Writer) -> None:
    """And so is a lock alone, without which a living process would be taken for dead."""
    for path in folder_of(tmp_path).iterdir():
        path.unlink()
    folder_of(tmp_path).rmdir()
    writer.ledger.enter()
    writer.turn(INTERVAL)
    assert writer.reads(tmp_path) == 2
    next(folder_of(tmp_path).glob(f"*{LOCK}")).unlink()
    writer.ledger.enter()
    writer.turn(INTERVAL)
    assert read(tmp_path)[0].state == "running"


def test_few_files_of_ended_processes_are_kept(tmp_path: Path) -> None:
    """The last ones; those of living processes all are, however old."""
    living = Writer(tmp_path)
    living.ledger.enter()
    living.turn(0)
    for number in range(KEPT + 3):
        ended = Writer(tmp_path)
        for _ in range(number + 1):
            ended.ledger.enter()
        ended.file.finish()
    emitted = [each.counters.stats.emitted for each in read(tmp_path)]
    assert emitted[0] == 1
    assert emitted[1:] == list(range(KEPT + 4))[-KEPT - 1 :], (
        "as the last one began, the others were cleared up"
    )
    living.file.finish()


def test_what_killed_processes_left_half_done_goes(tmp_path: Path) -> None:
    """A lock and a draft without figures; but not a young lock, whose owner may be about to write."""
    folder = folder_of(tmp_path)
    folder.mkdir()
    for name in ("0", "1"):
        (folder / f"{name}{LOCK}").touch()
        (folder / f"{name}{DRAFT}").touch()
    old = time.time() - YOUNG - 1
    os.utime(folder / f"0{LOCK}", (old, old))
    (folder / f"2{LOCK}").touch()
    os.utime(folder / f"2{LOCK}", (old, old))
    claim = take(folder / f"2{LOCK}")
    assert claim is not None
    Place(folder).clear(kept=KEPT)
    assert {path.name for path in folder.iterdir()} == {f"1{LOCK}", f"1{DRAFT}", f"2{LOCK}"}
    claim.release()


def test_whatever_lies_there_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe, a directory, a link, rubbish; the others are read all the same."""
    folder = folder_of(tmp_path)
    folder.mkdir()
    (folder / f"0{COUNTERS}").write_bytes(encode(counters(is_closed=True)))
    os.mkfifo(folder / f"1{COUNTERS}")
    (folder / f"2{COUNTERS}").mkdir()
    (folder / f"3{COUNTERS}").symlink_to(folder / f"0{COUNTERS}")
    (folder / f"4{COUNTERS}").write_bytes(b"x" * 100_000)
    found = list(read_counters(Place(folder)))
    assert isinstance(found[0], ProcessCounters)
    assert found[0].state == "closed"
    whys = [each.why for each in found if isinstance(each, Unreadable)]
    assert whys[:2] == ["It is no file.", "It is no file."]
    assert whys[2] == "It can't be read: Too many levels of symbolic links."
    assert whys[3].startswith("It is damaged, or no counter file")


def test_a_file_that_goes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    """Its process has just been cleared up after."""
    folder = folder_of(tmp_path)
    folder.mkdir()
    for name in ("0", "1"):
        (folder / f"{name}{COUNTERS}").write_bytes(encode(counters()))
    found = read_counters(Place(folder))
    assert next(found) == ProcessCounters(state="killed", counters=counters())
    (folder / f"1{COUNTERS}").unlink()
    assert list(found) == []


def test_any_apps_name_may_be_written(tmp_path: Path) -> None:
    """What UTF-8 can't carry, or what no file's name can hold, is escaped."""
    with shop("a/b.c \ud800", JOURNAL=str(tmp_path), testing=False) as here:
        here.mine.emit("sold", wait=5)
    (folder,) = tmp_path.glob(f"*{COUNTERS}")
    assert folder.name == f"a%2Fb%2Ec%20%ED%A0%80{COUNTERS}"
    (ended,) = read_counters(Place(folder))
    assert isinstance(ended, ProcessCounters)
    assert ended.counters.app == r"a/b.c \ud800"


def test_nobody_waits_for_a_write_that_hangs(tmp_path: Path) -> None:
    """The end of the process goes on without its last figures, and another turn of the poller would too."""
    hanging, go_on = threading.Event(), threading.Event()

    def hang(work: Callable[[], object]) -> Any:
        hanging.set()
        go_on.wait(10)
        return work()

    made = Writer(tmp_path, do_long=hang)
    made.ledger.enter()
    poller = threading.Thread(target=made.turn, args=(0,))
    poller.start()
    hanging.wait(10)
    made.file.finish()
    go_on.set()
    poller.join()
    made.file.finish()
    assert read(tmp_path)[0].state == "closed"
