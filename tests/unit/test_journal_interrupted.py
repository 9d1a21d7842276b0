"""What a signal handler raises into an emit: the event is accepted or it isn't, and every count agrees."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.lanes import WINDOW_EVENTS
from flask_kafka_events.delivery.shipment import Refusal, Shipment
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.delivery.transaction import Writing
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.layout import Entry
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import Shop, shop

from .test_journal_file import entry
from .test_journaling import files, is_law_kept, journaling, number_of, process, resume, rows


class TimeIsUp(BaseException):
    """What Celery's soft time limit is like, where nobody catches it by accident."""


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """Have a signal handler raise `TimeIsUp` in the main thread."""

    def ring(*_: object) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGUSR1, ring)
    main = threading.main_thread().ident
    assert main is not None
    yield lambda: signal.pthread_kill(main, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def lanes_of(held: Shop) -> list[Any]:
    """What the shop's own file has of each topic."""
    (source,) = process(held)._keeping._sources  # noqa: SLF001 - no count of what is on its way is public
    return list(source._lanes.values())  # noqa: SLF001


def is_at_rest(held: Shop) -> bool:
    """Whether nothing waits and nothing is on its way."""
    return all(
        (lane.flying, lane.window.size, lane.waiting, lane.bytes) == (0, 0, 0, 0) for lane in lanes_of(held)
    )


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("waiting", [0, WINDOW_EVENTS + 2])
def test_an_interrupted_write_leaves_no_ghost(
    tmp_path: Path, mocker: MockerFixture, waiting: int, is_written: bool
) -> None:
    """Before or behind the commit, handed on at once or in its turn: the event is sent once, and the handler's error told."""
    append, calls = JournalFile.append, list[int]()

    def interrupted(file: JournalFile, entries: Sequence[Entry]) -> None:
        calls.append(len(entries))
        if len(calls) > 1 or is_written:
            append(file, entries)
        if len(calls) == 1:
            raise TimeIsUp

    with journaling(tmp_path, answers=False) as held:
        for number in range(waiting):
            held.mine.emit("sold", {"number": number})
        mocker.patch.object(JournalFile, "append", interrupted)
        with pytest.raises(TimeIsUp):
            held.mine.emit("sold", {"number": waiting})
        mocker.stopall()
        assert held.mine.stats().pending == len(rows(tmp_path)) == waiting + 1
        held.mine.emit("sold", {"number": waiting + 1})
        assert is_law_kept(held)
        resume(held)
        assert [number_of(event) for event in held.sent()] == list(range(waiting + 2))
        assert is_at_rest(held)
        assert is_law_kept(held)
    assert files(tmp_path) == []


def test_a_write_that_is_interrupted_again_and_again_is_given_up(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    """Its event waits in memory then, and is sent."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("first")
        mocker.patch.object(JournalFile, "append", side_effect=TimeIsUp)
        with pytest.raises(TimeIsUp):
            held.mine.emit("sold")
        mocker.stopall()
        assert (held.mine.stats().pending, len(rows(tmp_path))) == (2, 1)
        resume(held)
        assert held.types() == ["first", "sold"]
        assert is_at_rest(held)
        assert is_law_kept(held)


@pytest.mark.parametrize("waiting", [0, WINDOW_EVENTS])
def test_who_waits_for_anothers_write_may_be_interrupted(
    tmp_path: Path, mocker: MockerFixture, alarm: Callable[[], None], waiting: int
) -> None:
    """The wait goes on to its end, so that it is known whether the event is written; then the error is told."""
    writes, append = threading.Event(), JournalFile.append

    def slow(file: JournalFile, entries: Sequence[Entry]) -> None:
        if not writes.is_set():
            writes.set()
            wait_until(lambda: held.mine.stats().emitted == waiting + 2, "the other waits behind this one")
            alarm()
            told.wait(0.2)  # a wait that was given up would tell it now
        append(file, entries)

    with journaling(tmp_path, answers=False) as held:
        for _ in range(waiting):
            held.mine.emit("sold")
        told = threading.Event()
        mocker.patch.object(JournalFile, "append", slow)
        other = threading.Thread(target=held.mine.emit, args=("others",))
        other.start()
        assert writes.wait(5)
        with pytest.raises(TimeIsUp):
            held.mine.emit("sold")
        told.set()
        other.join()
        mocker.stopall()
        assert held.mine.stats().pending == len(rows(tmp_path)) == waiting + 2
        resume(held)
        assert len(held.sent()) == waiting + 2
        assert is_at_rest(held)
        assert is_law_kept(held)


@pytest.mark.parametrize("has_room", [True, False])
def test_a_flight_into_memory_may_be_interrupted(
    tmp_path: Path, mocker: MockerFixture, has_room: bool
) -> None:
    """What could not be written is kept in memory, or refused there, once."""
    keep, calls = Source._keep_in_memory, list[int]()  # noqa: SLF001 - right behind it is where it goes wrong

    def interrupted(source: Source, shipments: list[Shipment]) -> None:
        keep(source, shipments)
        calls.append(1)
        if len(calls) == 1:
            raise TimeIsUp

    with journaling(tmp_path, answers=False, QUEUE_EVENTS=4 if has_room else 2) as held:
        for number in range(WINDOW_EVENTS + 2):
            held.mine.emit("sold", {"number": number})
        with largest_file(0):
            if not has_room:
                held.mine.emit("sold", {"number": WINDOW_EVENTS + 2})
            mocker.patch.object(Source, "_keep_in_memory", interrupted)
            with pytest.raises(TimeIsUp):
                held.mine.emit("sold", {"number": WINDOW_EVENTS + 2 if has_room else -1})
            mocker.stopall()
        assert len(calls) > 1
        assert held.mine.stats().dropped_by_reason == ({} if has_room else {"interrupted": 1})
        resume(held)
        numbers = [number_of(event) for event in held.sent() if event.type == "sold"]
        assert numbers == list(range(WINDOW_EVENTS + 3))
        assert is_at_rest(held)
        assert is_law_kept(held)


class Turn:
    """The right to write, which is let go of only to somebody who takes it."""

    def __init__(self, is_taken: Callable[[], bool]) -> None:
        self._lock = threading.RLock()
        self._is_taken = is_taken
        self.owner = threading.get_ident()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if threading.get_ident() == self.owner:
            wait_until(self._is_taken, "the other has written")


def test_an_interrupted_write_stays_before_the_next(mocker: MockerFixture) -> None:
    """The turn is kept until it is written: the next one has later places, and would be handed on first."""
    written: list[str] = []
    others: list[threading.Thread] = []

    class Lock(nullcontext[None]):
        def __exit__(self, *_: object) -> None:
            if not others:
                others.append(threading.Thread(target=write, args=("second",)))
                others[0].start()
                raise TimeIsUp

    def write(topic: str) -> None:
        shipment = Shipment(record=entry(1, topic).record)
        writing.finish(writing.join(shipment), shipment)

    def store(shipments: list[Shipment]) -> None:
        written.extend(each.record.topic for each in shipments)

    writing = Writing(lock=Lock(), write=store, remember=store)
    mocker.patch.object(writing, "turn", Turn(lambda: "second" in written))
    write("first")
    others[0].join()
    assert written == ["first", "second"]


def test_who_waits_for_room_may_be_interrupted(tmp_path: Path, alarm: Callable[[], None]) -> None:
    """The event isn't accepted then, and is counted as dropped with the reason."""
    settings: dict[str, Any] = {"ON_FULL": "block", "BLOCK_SECONDS": 20, "MAX_EVENT_BYTES": 20_000}
    with journaling(tmp_path, answers=False, JOURNAL_MAX_BYTES=65_536, **settings) as held:
        for _ in range(2):
            held.mine.emit("sold", "x" * 15_000)
        threading.Timer(0.1, alarm).start()
        with pytest.raises(TimeIsUp):
            held.mine.emit("sold", "x" * 15_000)
        assert held.mine.stats().dropped_by_reason == {"interrupted": 1}
        assert is_law_kept(held)
        resume(held)
        assert held.mine.flush(5)
        assert is_law_kept(held)
        assert is_at_rest(held)


def test_an_interrupted_start_accepts_nothing_in_memory_mode(mocker: MockerFixture) -> None:
    """Without a journal what never came into the queue is dropped, and its place is free again."""
    with shop(testing=False, QUEUE_EVENTS=2) as held:
        mocker.patch.object(process(held).poller, "start", side_effect=TimeIsUp)
        for _ in range(3):
            with pytest.raises(TimeIsUp):
                held.mine.emit("sold")
        mocker.stopall()
        assert held.mine.stats().dropped_by_reason == {"interrupted": 3}
        held.mine.emit("sold")
        assert held.types() == ["sold"]
        assert held.is_accounted_for()


def test_a_transaction_may_be_interrupted_at_its_begin(tmp_path: Path) -> None:
    """The next write is not refused for one that was left open."""
    file = JournalFile(tmp_path / "a.journal")
    begins = Begins(file._db, ring)  # noqa: SLF001 - a connection can't be patched
    file._db = begins  # type: ignore[assignment]  # noqa: SLF001
    with pytest.raises(TimeIsUp):
        file.drop_dead()
    assert file.drop_dead() == 0
    file._db = begins.db  # noqa: SLF001
    file.close()


@pytest.mark.parametrize("is_accepted", [True, False])
def test_who_waits_for_the_queue_may_be_interrupted(
    tmp_path: Path, mocker: MockerFixture, is_accepted: bool
) -> None:
    """What is on disk by then is sent all the same, once."""
    accept, calls = Gate.accept, list[Shipment]()

    def interrupted(gate: Gate, shipment: Shipment) -> Refusal | None:
        calls.append(shipment)
        refused = accept(gate, shipment) if is_accepted or len(calls) > 1 else None
        if len(calls) == 1:
            raise TimeIsUp
        return refused

    with journaling(tmp_path) as held:
        mocker.patch.object(Gate, "accept", interrupted)
        with pytest.raises(TimeIsUp):
            held.mine.emit("sold")
        mocker.stopall()
        assert held.types() == ["sold"]
        assert is_at_rest(held)
        assert is_law_kept(held)


def test_a_transaction_in_a_signal_handler_takes_no_other_back(tmp_path: Path) -> None:
    """It is refused where it comes on top of another, which goes on."""
    file = JournalFile(tmp_path / "a.journal")
    begins = Begins(file._db, lambda: file.append([entry(2)]))  # noqa: SLF001
    file._db = begins  # type: ignore[assignment]  # noqa: SLF001
    file.append([entry(1), entry(3)])
    file._db = begins.db  # noqa: SLF001
    assert [each.seq for each in file.records()] == [1, 3]
    file.close()


def ring() -> None:
    """What a signal handler does."""
    raise TimeIsUp


class Begins:
    """A connection in which a signal handler is called right after its first BEGIN; journals may refuse it what it does."""

    def __init__(self, db: Any, handler: Callable[[], None]) -> None:
        self.db = db
        self._handlers = [handler]

    def execute(self, sql: str, *rest: Any) -> Any:
        """Do it, and be interrupted."""
        done = self.db.execute(sql, *rest)
        if sql.startswith("BEGIN") and self._handlers:
            with suppress(JournalError):
                self._handlers.pop()()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)
