"""The lock of the emit path: nobody owns it while he waits for the interpreter, and nothing leaves it locked."""

from __future__ import annotations

import dis
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from flask_kafka_events import turns as module
from flask_kafka_events.turns import Turns, turns
from tests.processes import wait_until
from tests.unit.steps import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator


class TimeIsUp(Exception):
    """A signal handler's."""


@pytest.fixture
def uninterrupted() -> Iterator[None]:
    """Python changes threads only where one waits."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10)
    yield
    sys.setswitchinterval(before)


def raise_it() -> None:
    """As a handler does; on the way out, behind the last call, Python looks for none (3.10 to 3.13)."""
    frame = sys._getframe(2)  # noqa: SLF001 - behind Walk's own
    if dis.opname[frame.f_code.co_code[frame.f_lasti]] not in {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}:
        raise TimeIsUp


def is_free(lock: Turns) -> bool:
    """Whether another thread can have it."""
    taken: list[bool] = []

    def take() -> None:
        if lock.acquire(blocking=False):
            lock.release()
            taken.append(True)

    other = threading.Thread(target=take)
    other.start()
    other.join()
    return bool(taken)


def is_handed_over(lock: object) -> bool:
    """Whether a thread that waits for a lock has it as soon as it is released, before it goes on."""
    waits = threading.Event()
    assert isinstance(lock, type(threading.RLock()))

    def wait() -> None:
        waits.set()
        with lock:
            pass

    with lock:
        other = threading.Thread(target=wait)
        other.start()
        waits.wait()
        # It is in the lock, or about to ask again: each look of this one gives the interpreter to it.
        looks = iter(range(50))
        wait_until(lambda: next(looks, None) is None, "it has had its turns")
    for _ in range(2_000_000):  # the other processor's time to hand it over; nobody else runs meanwhile
        pass
    is_taken = not lock.acquire(blocking=False)
    if not is_taken:
        lock.release()
    other.join()
    return is_taken


@pytest.mark.usefixtures("uninterrupted")
def test_whoever_waits_owns_nothing_before_he_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own lock belongs to who waited as it is released, and everybody stops at it; this one is free."""
    monkeypatch.setattr(module, "ATTEMPTS", 10**9)
    assert is_handed_over(threading.RLock())
    assert not is_handed_over(Turns())


def test_one_at_a_time() -> None:
    """Two threads that add to a number lose nothing."""
    lock, total = Turns(), 0

    def add() -> None:
        nonlocal total
        for _ in range(1_000):
            with lock:
                before = total
                go_on.wait(0)  # the other one has its turn, and must not take it
                total = before + 1

    go_on = threading.Event()
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 2_000


def test_nobody_waits_for_ever() -> None:
    """Not where its owner gives the interpreter away with it in hand, and takes it again at once, either."""
    lock, over = Turns(), threading.Event()

    def own() -> None:
        while not over.is_set():
            with lock:
                over.wait(0.0005)

    owner = threading.Thread(target=own)
    owner.start()
    try:
        for _ in range(20):
            with lock:
                pass
    finally:
        over.set()
        owner.join()


def test_it_can_be_entered_again() -> None:
    """By a signal handler on top of whoever has it."""
    lock = Turns()
    with lock, lock:
        assert not is_free(lock)
    assert is_free(lock)


@pytest.mark.parametrize("is_nested", [False, True])
def test_interrupted_anywhere_it_is_as_it_was(*, is_nested: bool) -> None:
    """An exception before any bytecode of its own leaves it as often entered as before."""
    at = 0
    while True:
        lock = Turns()
        if is_nested:
            lock.acquire()
        walk = Walk(raise_it, at=at, modules=(module,), step="opcode", but=frozenset({"_depth"}))
        with walk.going():
            try:
                with lock:
                    pass
            except TimeIsUp:
                pass
        if is_nested:
            assert not is_free(lock)
            lock.release()
        assert is_free(lock), at
        if not walk.is_over:
            break
        at += 1
    assert at > 10


@pytest.mark.parametrize("is_acquired", [False, True])
def test_what_is_raised_on_the_way_in_leaves_it_free(*, is_acquired: bool) -> None:
    """Right before it was acquired, and right after: the same without steps, which coverage doesn't see."""
    lock = Turns()

    def acquire(blocking: bool) -> bool:
        if is_acquired:
            assert Turns.acquire(lock, blocking)
        raise TimeIsUp

    lock.acquire = acquire
    with pytest.raises(TimeIsUp), lock:
        pass
    del lock.acquire
    assert is_free(lock)


@pytest.mark.parametrize("is_patched", [False, True])
def test_gevent_has_its_own(monkeypatch: pytest.MonkeyPatch, *, is_patched: bool) -> None:
    """Where it has patched threads; where it has patched time alone, nobody's turn stops its hub."""

    def sleep(_seconds: float) -> None:
        """As gevent found it."""

    monkey = SimpleNamespace(is_module_patched=lambda _: is_patched, get_original=lambda *_: sleep)
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    lock = turns()
    assert (type(lock) is type(threading.RLock())) is is_patched
    assert getattr(lock, "pause", None) is (None if is_patched else sleep)


def test_a_condition_may_use_it() -> None:
    """Who waits for one lets go of it meanwhile."""
    condition = threading.Condition(turns())
    told: list[str] = []

    def tell() -> None:
        with condition:
            told.append("news")
            condition.notify_all()

    with condition:
        other = threading.Thread(target=tell)
        other.start()
        assert condition.wait_for(lambda: bool(told), 10)
    other.join()
