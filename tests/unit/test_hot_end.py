"""What is on its way to the broker, in slots: used, freed, moved into the file; interrupted anywhere, it is kept once."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flask_kafka_events.delivery import hot_end
from flask_kafka_events.delivery.hot_end import HotEnd
from flask_kafka_events.delivery.settled import Settled
from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.errors import JournalError
from flask_kafka_events.event import Record
from flask_kafka_events.journal import slots
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.long_work import at_once
from flask_kafka_events.journal.slots import SLOT, SLOTS, SlotFile, entries_beside, slots_beside, slots_of
from tests.limits import largest_file

from .steps import Walk


class TimeIsUp(BaseException):
    """What a signal handler raises."""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[JournalFile]:
    """A journal file."""
    made = JournalFile(tmp_path / "a.journal")
    yield made
    made.close()


@pytest.fixture
def forgotten(file: JournalFile) -> Settled:
    """What the file has to forget."""
    return Settled(lambda: file, buried=lambda _: None)


@pytest.fixture
def hot(file: JournalFile, forgotten: Settled, monkeypatch: pytest.MonkeyPatch) -> Iterator[HotEnd]:
    """A hot end with slots, which makes others without a pause."""
    monkeypatch.setattr(hot_end, "PAUSE", 0.0)
    made = HotEnd(lock=threading.RLock(), settled=forgotten, make=slots_beside)
    made.tend(file, at_once)
    yield made
    made.end(file)


def shipment(seq: int, value: bytes = b"v") -> Shipment:
    """One at a place."""
    record = Record(id=str(seq), type="sold", topic="t", key=None, value=value, headers=())
    return Shipment(record=record, seq=seq)


def kept(hot: HotEnd, each: Shipment) -> bool:
    """Whether it is in a slot now."""
    content = hot.content_of(each.record)
    return content is not None and hot.keep(each, content)


def in_slots(file: JournalFile) -> list[int]:
    """The places of those that another process would find in slots."""
    return [entry.seq for entry in entries_beside(file)]


def test_an_emit_makes_no_slots(file: JournalFile, forgotten: Settled) -> None:
    """Only the poller does; until then the file is written."""
    hot = HotEnd(lock=threading.RLock(), settled=forgotten, make=slots_beside)
    assert not kept(hot, shipment(1))
    assert not hot.keep(shipment(1), b"")
    assert not slots_of(file.path).exists()


def test_a_record_that_is_too_large_is_for_the_file(hot: HotEnd) -> None:
    """It takes no slot."""
    assert not kept(hot, shipment(1, b"x" * SLOT))
    assert not hot


def test_a_slot_is_free_as_soon_as_its_record_is_done(hot: HotEnd, file: JournalFile) -> None:
    """All can be used at a time, and each again at once, whatever became of the others."""
    ours = [shipment(seq) for seq in range(1, SLOTS + 1)]
    contents = [hot.content_of(each.record) for each in ours]
    assert all(hot.keep(each, content) for each, content in zip(ours, contents, strict=True) if content)
    assert not kept(hot, shipment(SLOTS + 1))
    assert not hot.keep(shipment(SLOTS + 1), b"x")
    assert in_slots(file) == [each.seq for each in ours]
    hot.forget(ours[7])
    hot.forget(ours[7])
    assert kept(hot, shipment(SLOTS + 1))
    assert not kept(hot, shipment(SLOTS + 2))
    assert in_slots(file) == [each for each in range(1, SLOTS + 2) if each != 8]


def test_a_retired_hot_end_moves_all_into_the_file_and_begins_anew(
    hot: HotEnd, file: JournalFile, forgotten: Settled
) -> None:
    """What met its end meanwhile is forgotten there too: it may have been copied by then."""
    ours = [shipment(seq) for seq in range(1, 500)]
    assert all(kept(hot, each) for each in ours)
    hot.retire()
    assert not kept(hot, shipment(500))
    hot.forget(ours[0])
    assert forgotten
    hot.tend(file, at_once)
    assert [entry.seq for entry in file.records()] == list(range(2, 500))
    assert {each.kept_in for each in ours[1:]} == {"file"}
    assert in_slots(file) == []
    assert kept(hot, shipment(500))
    assert in_slots(file) == [500]


def test_what_meets_its_end_while_it_is_moved_does_not_stay(
    forgotten: Settled, hot: HotEnd, file: JournalFile
) -> None:
    """It was written into the file by then, which has to forget it."""

    class Busy(JournalFile):
        def append(self, entries: object) -> None:
            super().append(entries)  # type: ignore[arg-type]
            hot.forget(ours[1])

    ours = [shipment(seq) for seq in range(1, 4)]
    assert all(kept(hot, each) for each in ours)
    busy = Busy(file.path)
    hot.end(busy)
    forgotten.flush(at_least=1)
    assert [entry.seq for entry in file.records()] == [1, 3]
    busy.close()


def test_what_cannot_be_moved_stays(hot: HotEnd, file: JournalFile) -> None:
    """Where another process finds it, at the end too; as soon as there is room it goes into the file."""
    ours = [shipment(1), shipment(2)]
    assert all(kept(hot, each) for each in ours)
    hot.retire()
    with largest_file(0), pytest.raises(JournalError):
        hot.tend(file, at_once)
    assert in_slots(file) == [1, 2]
    assert hot.has(ours[0])
    hot.tend(file, at_once)
    assert [entry.seq for entry in file.records()] == [1, 2]
    assert not hot.has(ours[0])
    late = shipment(3)
    assert kept(hot, late)
    with largest_file(0), pytest.raises(JournalError):
        hot.end(file)
    assert hot
    hot.forget(late)
    assert in_slots(file) == [3]


def test_slots_that_somebody_deletes_are_noticed(hot: HotEnd, file: JournalFile) -> None:
    """What was there is in the file then, and there are others."""
    assert kept(hot, ours := shipment(1))
    slots_of(file.path).unlink()
    assert not hot.has(ours)
    hot.tend(file, at_once)
    assert file.holds(1)
    assert kept(hot, shipment(2))
    assert in_slots(file) == [2]


def test_where_none_can_be_made_it_is_tried_again_later(
    file: JournalFile, forgotten: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not at each turn of the poller."""
    tries: list[JournalFile] = []

    def make(beside: JournalFile) -> SlotFile | None:
        tries.append(beside)
        return None

    hot = HotEnd(lock=threading.RLock(), settled=forgotten, make=make)
    for _ in range(3):
        hot.tend(file, at_once)
    assert tries == [file]
    monkeypatch.setattr(hot_end, "PAUSE", 0.0)
    hot._next_attempt = 0.0  # noqa: SLF001 - as if the pause were over
    hot.tend(file, at_once)
    hot.end(file)
    assert len(tries) == 2


def test_a_write_may_be_interrupted_anywhere(hot: HotEnd, file: JournalFile) -> None:
    """Before any bytecode: it is kept and the exception told afterwards, or nothing was done; no slot is lost for long."""
    at, outcomes = 0, set()
    expected: list[int] = []
    while True:
        each = shipment(at + 1)
        content = hot.content_of(each.record)
        assert content is not None
        walk = Walk(raise_it, at=at, modules=(hot_end, slots), step="opcode")
        is_told = False
        with walk.going():
            try:
                assert hot.keep(each, content)
            except TimeIsUp:
                is_told = True
        if not walk.is_over:
            break
        # What is told at once is kept or isn't, by its own word.
        assert is_told or (each.kept_in == "slot" and isinstance(each.interruption, TimeIsUp))
        expected += [each.seq] * (each.kept_in == "slot")
        assert in_slots(file) == expected
        hot.tend(file, at_once)
        assert in_slots(file) == expected
        assert free_of(hot) == SLOTS - len(expected)
        outcomes.add(is_told)
        at += 1
    assert at > 50
    assert outcomes == {True, False}


def test_forgetting_may_be_interrupted_anywhere(hot: HotEnd, file: JournalFile) -> None:
    """A record that is done is done then, or still there; its slot isn't lost for long."""
    at = 0
    while True:
        each = shipment(at + 1)
        assert kept(hot, each)
        walk = Walk(raise_it, at=at, modules=(hot_end, slots), step="opcode")
        with walk.going(), suppress(TimeIsUp):
            hot.forget(each)
        if not walk.is_over:
            break
        hot.tend(file, at_once)
        assert in_slots(file) in ([each.seq], [])
        hot.forget(each)
        assert in_slots(file) == []
        assert free_of(hot) == SLOTS
        at += 1
    assert at > 20


def test_a_signal_handler_may_emit_on_top_of_a_write(hot: HotEnd, file: JournalFile) -> None:
    """Before any bytecode: each has a slot of its own, and all are whole."""
    at, seqs = 0, list[int]()
    while True:
        lower, upper = shipment(2 * at + 1, b"lower" * 10), shipment(2 * at + 2, b"upper" * 90)
        content = hot.content_of(lower.record)
        assert content is not None
        walk = Walk(lambda: kept(hot, upper), at=at, modules=(hot_end, slots), step="opcode")  # noqa: B023
        with walk.going():
            assert hot.keep(lower, content)
        if not walk.is_over:
            break
        seqs += [lower.seq, upper.seq]
        assert [each.kept_in for each in (lower, upper)] == ["slot", "slot"]
        assert in_slots(file) == seqs
        at += 1
    assert at > 50
    assert {entry.record.value for entry in entries_beside(file)} == {b"lower" * 10, b"upper" * 90}


def test_a_write_that_is_interrupted_again_and_again_is_given_up(
    file: JournalFile, forgotten: Settled
) -> None:
    """The file is written then, and the slot is free again."""

    class Interrupted(SlotFile):
        def write(self, slot: int, seq: int, content: bytes) -> None:
            super().write(slot, seq, content)
            raise TimeIsUp

    hot = HotEnd(
        lock=threading.RLock(), settled=forgotten, make=lambda beside: Interrupted(slots_of(beside.path))
    )
    hot.tend(file, at_once)
    assert not kept(hot, each := shipment(1))
    assert isinstance(each.interruption, TimeIsUp)
    assert each.kept_in is None
    assert in_slots(file) == []
    assert free_of(hot) == SLOTS
    hot.end(file)


def raise_it() -> None:
    """What a signal handler does."""
    raise TimeIsUp


def free_of(hot: HotEnd) -> int:
    """How many slots are free."""
    assert len(set(hot._free)) == len(hot._free)  # noqa: SLF001 - a slot that nobody finds again shows nowhere else
    return len(hot._free)  # noqa: SLF001
