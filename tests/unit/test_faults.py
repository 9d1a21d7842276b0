"""What a fault says where it can't be ordered, and the faults that need no broker."""

import os
import re
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events import (
    KafkaEvents,
    Loss,
    NotInitialised,
    QueueFull,
    emit_event,
    event_dropped,
)
from flask_kafka_events.testing import FaultError, capture_events, faults
from flask_kafka_events.testing.broker_errors import broker_error, broker_errors
from tests.processes import is_running, wait_until
from tests.sending import Shop, shop
from tests.unit.test_journaling import journaling

Order = Callable[[Any], AbstractContextManager[object]]

ON_THE_BROKER: dict[str, Order] = {
    "broker_down": faults.broker_down,
    "refuse": lambda target: faults.refuse(target, "TOPIC_AUTHORIZATION_FAILED"),
    "slow": lambda target: faults.slow(target, ms=1),
}
ON_THE_APP: dict[str, Order] = {
    "queue_full": faults.queue_full,
    "fork": lambda app: faults.fork(app, os.getpid),
}


def view(held: Shop) -> Callable[[], tuple[int, str]]:
    """A request to a view that emits `sold`; its answer."""

    @held.app.post("/swords")
    @emit_event("sold")
    def sell() -> str:
        return "Sold!"

    @held.app.errorhandler(QueueFull)
    def try_later(error: QueueFull) -> tuple[str, int]:
        return "Try again later.", 503

    def ask() -> tuple[int, str]:
        response = held.app.test_client().post("/swords")
        return response.status_code, response.text

    return ask


@pytest.mark.parametrize("name", ON_THE_BROKER)
def test_captured_events_never_meet_a_broker(name: str) -> None:
    """A broker's fault that is ordered where events are captured would go unnoticed: it is refused."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded")
    KafkaEvents(app)
    with (
        capture_events(app),
        pytest.raises(FaultError, match=rf"faults\.{name} would never bite: .*captured"),
        ON_THE_BROKER[name](app),
    ):
        raise AssertionError("It was ordered.")


@pytest.mark.parametrize("name", ON_THE_BROKER)
@pytest.mark.parametrize(
    ("servers", "where"),
    [("broker:9092", r"is on broker:9092, which is none"), (None, "has no broker at all")],
)
def test_a_real_broker_takes_no_orders(name: str, servers: str | None, where: str) -> None:
    """An app that isn't on the embedded broker is told which setting puts it there."""
    app = Flask("shop")
    app.config["KAFKA_EVENTS_BOOTSTRAP_SERVERS"] = servers
    KafkaEvents(app)
    with (
        pytest.raises(
            FaultError, match=rf"faults\.{name} .* 'shop' {where}\. .* set .*BOOTSTRAP_SERVERS = \"embedded\""
        ),
        ON_THE_BROKER[name](app),
    ):
        pass


@pytest.mark.parametrize("name", [*ON_THE_BROKER, "queue_full"])
def test_an_app_that_sends_nothing_is_told(name: str) -> None:
    """A fault that could never bite is an error, not a test that passes for nothing."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_ENABLED=False)
    KafkaEvents(app)
    with (
        pytest.raises(FaultError, match=rf"faults\.{name} would never bite: .*ENABLED = False"),
        {**ON_THE_BROKER, **ON_THE_APP}[name](app),
    ):
        pass


@pytest.mark.parametrize("name", [*ON_THE_BROKER, *ON_THE_APP])
def test_an_app_without_events_is_told(name: str) -> None:
    """An app that was never initialised gets the error that says how."""
    with (
        pytest.raises(NotInitialised, match="init_app"),
        {**ON_THE_BROKER, **ON_THE_APP}[name](Flask("shop")),
    ):
        pass


@pytest.mark.parametrize("name", ON_THE_BROKER)
def test_what_is_no_target_is_told(name: str) -> None:
    """Anything but an app or an embedded broker is refused by what it is."""
    with (
        pytest.raises(FaultError, match=rf"faults\.{name} was ordered for '127.0.0.1:9092'"),
        ON_THE_BROKER[name]("127.0.0.1:9092"),
    ):
        pass


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("TOPIC_AUTHORISATION_FAILED", "'TOPIC_AUTHORIZATION_FAILED'"),
        ("topic_authorization_failed", "'TOPIC_AUTHORIZATION_FAILED'"),
        ("NOT_LEADER_OR_FOLLOWER", "'NOT_LEADER_FOR_PARTITION'"),
        ("_MSG_TIMED_OUT", "'REQUEST_TIMED_OUT'"),
        ("NO_ERROR", "TOPIC_AUTHORIZATION_FAILED is one"),
        ("xyzzy", "TOPIC_AUTHORIZATION_FAILED is one"),
        (29, "TOPIC_AUTHORIZATION_FAILED is one"),
    ],
)
def test_an_unknown_error_names_the_nearest(wrong: Any, nearest: str) -> None:
    """A name that no broker answers with is refused, and the one that was probably meant is offered."""
    with (
        pytest.raises(FaultError, match=rf"no broker answers {wrong!r}\. .*{nearest}"),
        faults.refuse(Flask("shop"), wrong),
    ):
        pass


@given(name=st.text() | st.sampled_from(dir(KafkaError)) | st.sampled_from(broker_errors()))
def test_a_name_is_known_or_told(name: str) -> None:
    """Whatever the name, it is one that a broker answers with, by a code that goes over the wire, or an error of ours."""
    if name not in broker_errors():
        with pytest.raises(FaultError, match=re.escape(repr(name))):
            broker_error(name)
        return
    code = getattr(KafkaError, broker_error(name))
    assert code > 0 or name in ("UNKNOWN", "_TRANSPORT")


@pytest.mark.parametrize("n", [0, -1, 10_001, 1.0, True, "3"])
def test_a_number_of_refusals_out_of_range_is_told(n: Any) -> None:
    """How often a broker refuses is a whole number that it can keep."""
    with (
        pytest.raises(FaultError, match=rf"faults\.refuse: n is {n!r}\. .* from 1 to 10,000"),
        faults.refuse(Flask("shop"), "TOPIC_AUTHORIZATION_FAILED", n=n),
    ):
        pass


@pytest.mark.parametrize("ms", [-1, 600_001, 0.5, None])
def test_a_delay_out_of_range_is_told(ms: Any) -> None:
    """So is a delay."""
    with (
        pytest.raises(FaultError, match=rf"faults\.slow: ms is {ms!r}\. .* from 0 to 600,000"),
        faults.slow(Flask("shop"), ms=ms),
    ):
        pass


@pytest.mark.parametrize("is_journaled", [False, True])
def test_a_full_queue_drops_and_the_view_answers(is_journaled: bool, tmp_path: Path) -> None:
    """By default what is emitted in the block is dropped and told, what waited is kept, and the next event is delivered."""
    dropped: list[Loss] = []

    def note(_: Flask, loss: Loss) -> None:
        dropped.append(loss)

    with (
        journaling(tmp_path) if is_journaled else shop(testing=False) as held,
        event_dropped.connected_to(note, sender=held.app),
    ):
        ask = view(held)
        ask()
        with faults.queue_full(held.app):
            assert held.mine.flush(5)
            assert ask() == (200, "Sold!")
        assert ask() == (200, "Sold!")
        assert held.mine.flush(5)
        stats = held.mine.stats()
    assert (stats.delivered, stats.dropped_by_reason) == (2, {"queue_full": 1})
    assert [(loss.type, loss.reason) for loss in dropped] == [("sold", "queue_full")]


def test_a_full_queue_raises_before_the_view() -> None:
    """With ON_FULL="raise" the app's error handler answers in the block, and not after it."""
    with shop(testing=False, ON_FULL="raise") as held:
        ask = view(held)
        with faults.queue_full(held.app):
            assert ask() == (503, "Try again later.")
        assert ask() == (200, "Sold!")
        assert held.types() == ["sold"]


@pytest.mark.parametrize("with_journal", [False, True])
def test_a_full_queue_is_seen_by_health(tmp_path: Path, with_journal: bool) -> None:
    """The page that a probe asks says so for the block, although nothing was refused yet, and no longer."""
    full = "journal_full" if with_journal else "queue_full"
    with journaling(tmp_path / "journal") if with_journal else shop() as held:
        held.mine.emit("sold")
        with faults.queue_full(held.app):
            assert [reason.code for reason in held.mine.health().reasons] == [full]
        assert held.mine.health().status == "ok"


def test_a_full_queue_has_room_after_an_exception() -> None:
    """What leaves the block by an exception leaves the queue as it was."""
    with shop(testing=False) as held:
        with pytest.raises(ZeroDivisionError), faults.queue_full(held.app):
            raise ZeroDivisionError
        held.mine.emit("kept")
        assert held.types() == ["kept"]


def test_a_full_queue_blocks_until_it_has_room() -> None:
    """With ON_FULL="block" an emit waits, and goes on when the block is left in time."""
    with shop(testing=False, ON_FULL="block", BLOCK_SECONDS=20) as held:
        emitting = threading.Thread(target=lambda: held.mine.emit("sold"))
        with faults.queue_full(held.app):
            emitting.start()
            wait_until(lambda: held.mine.stats().emitted == 1, "it is emitted")
            assert not held.mine.flush(0.1)
        emitting.join(10)
        assert not emitting.is_alive()
        assert held.types() == ["sold"]
        assert held.mine.stats().dropped == 0


def test_a_full_queue_within_a_full_queue_stays_full() -> None:
    """Only the end of the outermost block gives the places back."""
    with shop(testing=False) as held:
        with faults.queue_full(held.app):
            with faults.queue_full(held.app):
                pass
            held.mine.emit("sold")
        held.mine.emit("kept")
        assert held.types() == ["kept"]


def test_a_full_queue_around_a_capture_bites() -> None:
    """What is captured has a queue of its own, which is as full; a queue that is well leaves the next capture's so."""
    with shop(testing=False) as held:
        with faults.queue_full(held.app), capture_events(held.app) as captured:
            held.mine.emit("sold")
            captured.assert_lost("sold", reason="queue_full")
        with capture_events(held.app) as captured:
            held.mine.emit("sold")
        assert captured.types == ["sold"]


def test_a_child_that_raises_is_told_with_its_traceback() -> None:
    """What the child's work raises, pytest's own failures too, is told in the parent with the line."""

    def work() -> None:
        pytest.fail("out of swords")

    with (
        shop() as held,
        pytest.raises(FaultError, match=r"(?s)raised:\n\nTraceback.*in work.*out of swords"),
        faults.fork(held.app, work),
    ):
        pass


def test_a_result_that_cannot_be_sent_is_told() -> None:
    """The work's result comes through a pipe."""
    with (
        shop() as held,
        pytest.raises(FaultError, match=r"(?s)raised:.*pickle"),
        faults.fork(held.app, threading.Lock),
    ):
        pass


def test_a_child_that_dies_is_told() -> None:
    """One that is killed has an exit code and no ledger."""
    with (
        shop() as held,
        pytest.raises(FaultError, match=r"died before it had told its end, with exit code -9"),
        faults.fork(held.app, lambda: os.kill(os.getpid(), signal.SIGKILL)),
    ):
        pass


def test_a_child_that_hangs_is_killed_and_told() -> None:
    """The block's end waits for so long, and no longer."""
    with (
        shop() as held,
        pytest.raises(FaultError, match=r"wasn't at its end 0\.1 s after the block, and is killed"),
        faults.fork(held.app, signal.pause, wait=0.1) as child,
    ):
        pass
    assert child.pid is not None
    assert not is_running(child.pid)


def test_an_exception_in_the_block_ends_the_child() -> None:
    """It is killed at once."""
    children: list[int | None] = []

    def ask_too_early(held: Shop) -> None:
        with faults.fork(held.app, signal.pause) as child:
            children.append(child.pid)
            assert child.stats

    with (
        shop() as held,
        pytest.raises(FaultError, match=r"still at work\. Ask for its result and stats after"),
    ):
        ask_too_early(held)
    assert isinstance(children[0], int)
    assert not is_running(children[0])


def test_a_child_counts_its_own() -> None:
    """Its ledger begins at nothing and ends with all that it sent; the parent's goes on."""
    with shop() as held:
        held.mine.emit("first", wait=5)
        with faults.fork(held.app, lambda: held.mine.emit("second")) as child:
            held.mine.emit("third", wait=5)
        assert child.result is None
        assert (child.stats.emitted, child.stats.delivered, child.stats.pending) == (1, 1, 0)
        assert held.mine.stats().emitted == 2


def test_where_nothing_forks_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows there is nothing to order."""
    monkeypatch.delattr(os, "fork")
    with shop() as held, pytest.raises(FaultError, match="can't fork"), faults.fork(held.app, os.getpid):
        pass
