"""Code of the app's own that raises where we call it: every event is still counted, the poller lives on."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request

from flask_kafka_events import (
    ConfigurationError,
    DeliveryTimeout,
    Event,
    EventError,
    Record,
    emit_event,
    event_created,
    event_delivered,
    event_dropped,
)
from flask_kafka_events.errors import InvalidKey
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop


def law_holds(here: Shop) -> bool:
    """Whether every event is accounted for and none is pending."""
    stats = here.mine.stats()
    return stats.pending == 0 and stats.emitted == stats.delivered + stats.failed + stats.dropped


@pytest.mark.parametrize(
    "spoiled",
    [
        {"attributes": {"\ud800": "x"}},
        {"attributes": {"word": "\ud800"}},
        {"topic": "a b"},
        {"key": "\ud800"},
        {"id": 5},
    ],
)
def test_event_made_by_hand_that_cannot_be_written_is_counted(
    spoiled: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver's own Event that no record can be made of is a failed event; the view's others go on."""

    def spoil(_: Flask, event: Event) -> Event | None:
        if event.type != "spoiled":
            return None
        parts = {"id": event.id, "topic": event.topic, **spoiled}
        return Event(source="/x", type=event.type, time=event.time, **parts)

    with shop(testing=False, ON_FULL="raise", QUEUE_EVENTS=8) as here:
        view: Any = lambda: "fine"  # noqa: E731 - decorated below
        for name in ("last", "spoiled", "first"):
            view = emit_event(name)(view)
        here.app.get("/")(view)
        with event_created.connected_to(spoil, sender=here.app):
            for _ in range(3):
                assert here.app.test_client().get("/").text == "fine"
                here.mine.flush(5)
        assert sorted(here.types()) == ["first"] * 3 + ["last"] * 3
        assert here.mine.stats().failed == 3
        assert law_holds(here)
    assert "lost" in caplog.text


def test_event_changed_in_place_is_checked_again() -> None:
    """An Event is frozen, but its attributes are a dict: what a receiver puts there is held to the same rules."""

    def spoil(_: Flask, event: Event) -> None:
        event.attributes["tenant"] = object()  # type: ignore[assignment]

    with shop(testing=False) as here, event_created.connected_to(spoil, sender=here.app):
        here.mine.emit("spoiled")
        assert here.mine.stats().failed_by_reason == {"attribute": 1}
        assert law_holds(here)


def test_answer_that_means_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver of event_created that returns something else changes nothing, and hears of it once."""

    def answer(_: Flask, event: Event) -> str:
        return f"fine, {event.type}"

    with shop() as here, event_created.connected_to(answer, sender=here.app):
        here.mine.emit("tick")
        here.mine.emit("tick")
        assert here.types() == ["tick", "tick"]
    assert caplog.text.count("returned a value of type str, which changes nothing") == 1
    assert "False to veto, or event.replace(...)" in caplog.text


def test_receiver_that_exits_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """SystemExit in the poller's thread is told, the event counted, and the next ones are delivered."""

    def leave(_: Flask, **__: Any) -> None:
        sys.exit("hunter2")

    with shop() as here:
        with event_delivered.connected_to(leave, sender=here.app):
            here.mine.emit("one")
            assert here.mine.flush(5)
        here.mine.emit("two")
        assert here.types() == ["one", "two"]
        assert law_holds(here)
    assert "The poller goes on: SystemExit was raised" in caplog.text
    assert "hunter2" not in caplog.text


def test_logger_that_raises_harms_nobody() -> None:
    """A filter that asks for the request raises in the poller and in a job: no emit notices, and the count is right."""

    class AddAddress(logging.Filter):
        def filter(self, _: logging.LogRecord) -> bool:
            return bool(request.remote_addr)

    broken = AddAddress()
    with shop(testing=False, MAX_EVENT_BYTES=1024, USERID=lambda: 1 / 0) as here:
        here.app.logger.addFilter(broken)
        try:
            here.mine.emit("large", {"text": "x" * 2000})
            here.mine.emit("fine")
            assert here.types() == ["fine"]
        finally:
            here.app.logger.removeFilter(broken)
        assert here.mine.stats().failed_by_reason == {"too_large": 1}
        assert law_holds(here)


def test_event_about_an_event_comes_to_an_end() -> None:
    """What a receiver of event_delivered emits is delivered, and that receiver doesn't hear of it."""

    def audit(_: Flask, record: Record, **__: Any) -> None:
        here.mine.emit("audited", {"of": record.type})

    with shop() as here, event_delivered.connected_to(audit, sender=here.app):
        here.mine.emit("tick")
        wait_until(lambda: here.types() == ["tick", "audited"], "the event and the one about it")
        assert here.mine.flush(5)
        assert here.mine.stats().emitted == 2


def test_credentials_of_another_type_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Bytes from a vault's client are no text: the log says what is wanted, not what was given."""
    with shop(CREDENTIALS=lambda: ("app", b"hunter2")) as here:
        here.mine.emit("tick")
        wait_until(lambda: "must return a user and a password, two texts" in caplog.text, "the log tells")
    assert "hunter2" not in caplog.text


def test_type_that_is_no_text_is_counted() -> None:
    """Where TYPES has globs, too, an Enum for a type is a mistake like others: the request goes on."""
    with shop(testing=False, TYPES={"purchased_*": {"key": "player"}}) as here:
        here.mine.emit(object())  # type: ignore[arg-type]
        assert here.mine.stats().failed_by_reason == {"attribute": 1}


def test_redacted_field_is_no_key() -> None:
    """What REDACT keeps inside the process doesn't leave it as a key: by the decorator or by TYPES."""
    with shop(testing=False, REDACT=["e*mail"], TYPES={"typed": {"key": "Email"}}) as here:
        with here.app.app_context():
            emit_event("signup", key="email", data={"email": "ana@example.org"})(lambda: None)()
        here.mine.emit("typed", {"Email": "ana@example.org"})
        assert [event.key for event in here.sent()] == [None, None]
        assert [event.decoded() for event in here.sent()] == [
            {"email": "[redacted]"},
            {"Email": "[redacted]"},
        ]


def test_parts_that_repeat_without_end_are_refused() -> None:
    """A list that holds a list twice, and so on, is refused before it takes a second."""
    laughs: list[Any] = []
    for _ in range(40):
        laughs = [laughs, laughs]
    with shop() as here, pytest.raises(EventError, match="more than 1,000,000 parts"):
        here.mine.emit("tick", {"laughs": laughs})


def test_waiting_inside_a_receiver_gives_up_at_once() -> None:
    """emit(wait=) in a receiver of event_delivered would wait for its own thread: it doesn't."""
    raised: list[BaseException] = []

    def again(_: Flask, record: Record, **__: Any) -> None:
        if record.type == "again":
            return
        try:
            here.mine.emit("again", wait=60)
        except DeliveryTimeout as error:
            raised.append(error)

    with shop() as here, event_delivered.connected_to(again, sender=here.app):
        here.mine.emit("tick")
        assert here.types() == ["tick", "again"]
        assert len(raised) == 1


def test_producer_that_raises_anything_is_counted() -> None:
    """A factory's producer with a mistake in produce() fails the event with its reason."""

    class Mistaken(KeepingProducer):
        def produce(self, *_: object, **__: object) -> None:
            raise ZeroDivisionError

    with shop(make=Mistaken) as here:
        here.mine.emit("tick")
        assert here.mine.flush(5)
        assert here.mine.stats().failed_by_reason == {"error": 1}


def test_dropped_event_is_told_before_it_is_counted() -> None:
    """Who waited with flush() has heard of every loss."""
    heard: list[int] = []

    def note(_: Flask, **__: Any) -> None:
        heard.append(here.mine.stats().dropped)

    with shop(testing=False) as here:
        here.mine.close()
        with event_dropped.connected_to(note, sender=here.app):
            here.mine.emit("late")
        assert (heard, here.mine.stats().dropped) == ([0], 1)


@pytest.mark.parametrize("wait", ["2", -1, True, float("nan")])
def test_wait_that_is_no_number_of_seconds_is_told(wait: Any) -> None:
    """Nothing is emitted, and the message says what is wanted."""
    with shop() as here:
        with pytest.raises(EventError, match="wait must be a number of seconds, 0 or more, or None"):
            here.mine.emit("tick", wait=wait)
        assert here.mine.stats().emitted == 0


@pytest.mark.parametrize("headers", [{"a\0b": "x"}, {"\ud800": "x"}])
def test_header_that_no_record_can_have_is_told(headers: dict[str, str]) -> None:
    """A name with NUL would be cut, one with half a character can't be written."""
    with shop() as here, pytest.raises(EventError, match="has a character that no name can have"):
        here.mine.emit("tick", headers=headers)


def test_missing_key_names_the_event() -> None:
    """Several events have a key `player`: the message says which one lacks it."""
    with (
        shop() as here,
        here.app.app_context(),
        pytest.raises(InvalidKey, match=r"Event 'bought': .* 'player'"),
    ):
        emit_event("bought", key="player")(lambda: None)()


def of_nothing() -> bool:
    """Takes no argument."""
    return True


@pytest.mark.parametrize(
    "how", [{"on": of_nothing}, {"key": of_nothing}, {"data": lambda name: {"name": name}}]
)
def test_callable_of_the_wrong_shape_is_told_where_it_stands(how: dict[str, Callable[..., Any]]) -> None:
    """A callable that can't be called as it will be is refused at decoration, not at the first request."""
    with pytest.raises(ConfigurationError, match=f"@emit_event\\('x'\\): {next(iter(how))}=.* must "):
        emit_event("x", **how)(of_nothing)  # type: ignore[arg-type]


def test_callable_without_a_signature_is_taken() -> None:
    """What is written in C may tell no signature, and a function may take whatever comes."""

    def anything(**_: Any) -> str:
        return ""

    with shop() as here:
        here.app.get("/<name>")(emit_event("x", on=bool, data=lambda name: {"name": name})(anything))
        here.app.test_client().get("/ana")
        assert here.sent()[0].decoded() == {"name": "ana"}
