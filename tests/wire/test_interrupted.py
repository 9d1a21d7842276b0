"""What a signal handler raises around librdkafka's own `produce`, as Celery's soft time limit does."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask

from flask_kafka_events import AppEvents, KafkaEvents
from flask_kafka_events.embedded import Lease


class TimeIsUp(Exception):
    """An exception like any other, as Celery's is."""


@pytest.fixture
def mine(broker: Lease) -> Iterator[AppEvents]:
    """An app's events, whose producer stands."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=broker.address, KAFKA_EVENTS_TOPIC="shop_events")
    KafkaEvents(app)
    events = KafkaEvents().for_app(app)
    events.emit("first", wait=10)
    yield events
    events.close()


class Ended(BaseException):
    """What no code of ours catches as a mistake in an event, as KeyboardInterrupt."""


@pytest.fixture
def interrupted() -> Iterator[Callable[[str, str], None]]:
    """Have an exception raised at an event of the interpreter, as a signal's is between any two steps."""

    def at(event: str, name: str) -> None:
        def raise_there(frame: FrameType, seen: str, function: Any) -> None:
            found = frame.f_code.co_name if seen == "call" else getattr(function, "__name__", "")
            if (seen, found) == (event, name):
                sys.setprofile(None)
                raise TimeIsUp

        sys.setprofile(raise_there)

    yield at
    sys.setprofile(None)


@pytest.mark.parametrize(
    ("event", "name"),
    [("c_return", "produce"), ("c_call", "produce"), ("call", "_pass_on"), ("call", "holds")],
)
def test_an_event_is_accounted_for_wherever_its_hand_over_is_interrupted(
    mine: AppEvents, interrupted: Callable[[str, str], None], event: str, name: str
) -> None:
    """Whether librdkafka has it isn't known, so it is sent again; it has one end, and the handler's error reaches its caller."""
    interrupted(event, name)
    with pytest.raises(TimeIsUp):
        mine.emit("sold", key="ana")
    assert mine.flush(10)
    stats = mine.stats()
    assert (stats.emitted, stats.delivered, stats.failed, stats.pending) == (2, 2, 0, 0)


def test_an_event_too_large_is_accounted_for_when_its_refusal_is_interrupted(
    mine: AppEvents, interrupted: Callable[[str, str], None]
) -> None:
    """It is counted as lost, and the handler's error reaches its caller."""
    interrupted("call", "refuse")
    with pytest.raises(TimeIsUp):
        mine.emit("sold", "x" * 999_900)  # as data it is not, but as an event
    stats = mine.stats()
    assert (stats.emitted, stats.dropped_by_reason, stats.pending) == (2, {"interrupted": 1}, 0)


@pytest.mark.parametrize("has_journal", [False, True])
def test_an_event_is_accounted_for_wherever_its_emit_is_interrupted(
    broker: Lease, tmp_path: Path, has_journal: bool
) -> None:
    """At each call and each return of one emit: no lock stays held, nothing is pending for ever, and the next is sent."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=broker.address, KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update(KAFKA_EVENTS_JOURNAL=str(tmp_path / "journal") if has_journal else None)
    KafkaEvents(app)
    mine = KafkaEvents().for_app(app)
    mine.emit("first", wait=10)
    step = 0
    while interrupted_at(step, partial(mine.emit, "sold", key=str(step))):
        step += 1
        other = threading.Thread(target=mine.emit, args=("other",), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive(), f"step {step}: a lock is held"
        assert mine.flush(10), f"step {step}: {mine.stats()}"
    assert step > 50
    assert mine.flush(10)
    stats = mine.stats()
    assert stats.delivered + stats.dropped == stats.emitted
    assert set(stats.dropped_by_reason) <= {"interrupted"}
    assert mine.close()


def interrupted_at(step: int, emit: Callable[[], object]) -> bool:
    """Emit, and have an exception raised at a step, counted from 0; False where it has fewer."""
    steps = itertools.count()

    def raise_there(_frame: FrameType, seen: str, _function: Any) -> None:
        if seen in ("call", "c_return") and next(steps) == step:
            sys.setprofile(None)
            raise Ended

    sys.setprofile(raise_there)
    try:
        emit()
    except Ended:
        return True
    finally:
        sys.setprofile(None)
    return False
