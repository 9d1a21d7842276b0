"""`emit()`, mistakes in events, full queues, and receivers of our signals."""

import socket
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from flask import Flask, jsonify

from flask_kafka_events import (
    ConfigurationError,
    Delivery,
    DeliveryFailed,
    EncodingError,
    Event,
    EventError,
    KafkaEvents,
    Loss,
    NotInitialised,
    QueueFull,
    current_event,
    emit_event,
    event_created,
    event_delivered,
    event_dropped,
    event_failed,
)
from flask_kafka_events.content import REMEMBERED
from tests.sending import shop


def test_emit_sends_at_once_without_a_status() -> None:
    """An event emitted in a request that fails is sent all the same, and tells the route but no status."""
    with shop(testing=False) as here:

        @here.app.get("/x")
        def view() -> str:
            here.events.emit("noted", {"a": 1}, key=5, topic="other", headers={"h": "v"})
            raise ValueError

        assert here.app.test_client().get("/x").status_code == 500
        (event,) = here.sent()
        assert (event.type, event.key, event.topic, event.decoded()) == ("noted", "5", "other", {"a": 1})
        assert event.attributes == {"httpmethod": "GET", "httproute": "/x", "endpoint": "view"}
        assert here.producers[0].headers[0]["h"] == b"v"


def test_wait_returns_the_delivery() -> None:
    """wait= gives topic, partition and offset; a vetoed or disabled event gives None."""
    with shop(TYPES={"off": {"enabled": False}}) as here:
        assert here.mine.emit("tick", wait=5) == Delivery(topic="shop_events", partition=0, offset=0)
        assert here.mine.emit("off", wait=5) is None
        with event_created.connected_to(lambda _, event: False, sender=here.app):  # noqa: ARG005 - blinker's call
            assert here.mine.emit("tick", wait=5) is None
        assert (here.mine.stats().vetoed, here.mine.stats().disabled) == (1, 1)


def test_wait_raises_for_a_lost_event() -> None:
    """Too large with its attributes, or after close: wait= says why it is lost."""
    with shop(MAX_EVENT_BYTES=1024) as here:
        with pytest.raises(DeliveryFailed, match="larger than KAFKA_EVENTS_MAX_EVENT_BYTES") as caught:
            here.mine.emit("big", "x" * 1000, wait=5)
        assert caught.value.reason == "too_large"
        here.mine.close()
        with pytest.raises(DeliveryFailed) as caught:
            here.mine.emit("late", wait=5)
        assert caught.value.reason == "closed"


@pytest.mark.parametrize(
    ("settings", "how", "counted", "text"),
    [
        ({}, {"data": {"a": float("nan")}}, {"encoding": 1}, "NaN or infinite"),
        ({"MAX_EVENT_BYTES": 1024}, {"data": "x" * 2000}, {"too_large": 1}, "MAX_EVENT_BYTES"),
        ({}, {"topic": "a b"}, {"topic": 1}, "Kafka allows"),
        ({"BOOTSTRAP_SERVERS": None}, {}, {"not_configured": 1}, "BOOTSTRAP_SERVERS is not set"),
    ],
)
def test_mistake_is_told_to_who_waits(
    settings: dict[str, Any],
    how: dict[str, Any],
    counted: dict[str, int],
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Production counts and logs it as without wait=, and raises what `except DeliveryFailed` catches; strict mode as ever."""
    with shop(testing=False, **settings) as here:
        with pytest.raises(DeliveryFailed, match=text) as caught:
            here.mine.emit("sold", wait=5, **how)
        stats = here.mine.stats()
        assert {caught.value.reason: 1} == counted == {**stats.failed_by_reason, **stats.dropped_by_reason}
        assert (stats.emitted, stats.pending) == (1, 0)
        assert f"1 event(s) lost ({caught.value.reason})" in caplog.text
        here.app.testing = True
        with pytest.raises((EventError, ConfigurationError), match=text):
            here.mine.emit("sold", wait=5, **how)
        assert here.mine.stats() == stats


def test_receivers_mistake_is_told_to_who_waits() -> None:
    """An event that a receiver of event_created spoilt is lost too, for who waits for it."""

    def spoil(_: Flask, event: Event) -> Event:
        return msgspec.structs.replace(event, key="\ud800")

    with shop(testing=False) as here, event_created.connected_to(spoil, sender=here.app):
        with pytest.raises(DeliveryFailed) as caught:
            here.mine.emit("sold", wait=5)
        assert here.mine.stats().failed_by_reason == {caught.value.reason: 1}


def test_mistake_is_raised_at_the_users_line_in_strict_mode() -> None:
    """In testing mode update() and emit() raise where the mistake stands."""
    with shop() as here:

        @here.app.get("/")
        @emit_event("bought")
        def buy() -> str:
            with pytest.raises(EncodingError, match=r'data\["socket"\]') as caught:
                current_event.update(socket=socket)
            assert caught.value.path == 'data["socket"]'
            return ""

        here.app.test_client().get("/")
        for data, more in (({1: 2}, {}), ("x" * 2_000_000, {}), ({}, {"headers": {"ce_id": "x"}})):
            with pytest.raises(EventError):
                here.mine.emit("tick", data, **more)  # type: ignore[arg-type]
        with pytest.raises(EventError, match="not text"):
            here.mine.emit("tick", headers={"h": 1})  # type: ignore[dict-item]
        assert here.types() == ["bought"]


def test_mistake_in_production_harms_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged without the data, counted as failed with its reason, and told by a signal."""
    losses: list[Loss] = []
    nothing: dict[str, dict[str, Any]] = {}

    def note(_: Flask, loss: Loss) -> None:
        losses.append(loss)

    with shop(testing=False) as here, event_failed.connected_to(note, sender=here.app):

        @here.app.get("/")
        @emit_event("bought", data=lambda: {"secret": float("nan")})
        def buy() -> str:
            return "fine"

        @here.app.get("/data")
        @emit_event("asked", data=lambda: nothing["password1"])
        def ask() -> str:
            return "fine"

        assert here.app.test_client().get("/").text == here.app.test_client().get("/data").text == "fine"
        assert here.mine.stats().failed_by_reason == {"encoding": 1, "error": 1}
        assert [(loss.type, loss.id) for loss in losses] == [("bought", None), ("asked", None)]
        assert 'data["secret"]' in caplog.text
        assert "password1" not in caplog.text


def test_missing_key_goes_without_in_production(caplog: pytest.LogCaptureFixture) -> None:
    """Strict mode raises; production sends without a key and says so once."""
    with shop() as here, here.app.app_context(), pytest.raises(EventError, match="no field 'player'"):
        emit_event("bought", key="player")(lambda: None)()
    with shop() as here, here.app.app_context(), pytest.raises(ZeroDivisionError):
        emit_event("bought", key=lambda _: 1 / 0)(lambda: None)()
    with shop(testing=False) as here, here.app.app_context():
        for _ in range(2):
            emit_event("bought", key="player")(lambda: None)()
        assert [event.key for event in here.sent()] == [None, None]
    assert caplog.text.count("go without a key") == 1


def test_missing_settings_are_told_at_the_first_emit() -> None:
    """Without brokers or topic, strict mode raises with the next step and production counts."""
    with shop(BOOTSTRAP_SERVERS=None) as here:
        with pytest.raises(ConfigurationError, match="KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set") as caught:
            here.mine.emit("tick")
        # Who exported the setting's own name must see the prefix, and who reads it.
        assert "it is FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS, and app.config.from_prefixed_env()" in str(
            caught.value
        )
        here.app.testing = False
        here.mine.emit("tick")
        assert here.mine.stats().dropped_by_reason == {"not_configured": 1}
    with shop(TOPIC=None) as here, pytest.raises(EventError, match="has no topic"):
        here.mine.emit("tick")


def test_app_without_the_extension_is_told() -> None:
    """Each way in names the missing init_app, and a second init_app is refused."""
    app = Flask("bare")
    with app.app_context(), pytest.raises(NotInitialised) as caught:
        KafkaEvents().emit("tick")
    assert (
        str(caught.value) == "App 'bare' has no KafkaEvents. Call events.init_app(app) in your app factory."
    )
    with pytest.raises(NotInitialised, match=r"events\.stats\(\) was called outside an app context"):
        KafkaEvents().stats()
    with shop() as here, pytest.raises(ConfigurationError, match="a KafkaEvents already"):
        KafkaEvents(here.app)


def test_full_queue_refuses_before_the_view_runs() -> None:
    """Under ON_FULL="raise" nothing is sold that can't be recorded, and unused places are given back."""
    with shop(testing=False, ON_FULL="raise", QUEUE_EVENTS=2) as here:
        ran: list[int] = []

        @here.app.get("/<int:status>")
        @emit_event("bought")
        def buy(status: int) -> tuple[str, int]:
            ran.append(status)
            return "", status

        here.app.errorhandler(QueueFull)(lambda _: ("later", 503))
        client = here.app.test_client()
        for _ in range(3):
            assert client.get("/400").status_code == 400
        assert client.get("/200").status_code == 200
        here.sent()
        here.producers[0].answers = False
        assert client.get("/200").status_code == 200
        assert client.get("/200").status_code == 503
        assert ran == [400, 400, 400, 200, 200]
        with pytest.raises(QueueFull):
            here.mine.emit("tick")


def test_an_event_that_is_switched_off_needs_no_place() -> None:
    """Under ON_FULL="raise" a full queue refuses nothing that wouldn't be sent anyway."""
    types = {"off": {"enabled": False}}
    with shop(ON_FULL="raise", QUEUE_EVENTS=2, TYPES=types) as here:
        here.mine.emit("first", wait=5)
        here.producers[0].answers = False
        here.mine.emit("fills the topic's half")
        with pytest.raises(QueueFull):
            here.mine.emit("on")
        here.mine.emit("off")
        assert here.mine.stats().disabled == 1


@pytest.mark.parametrize("strict", [True, False])
def test_strict_says_whether_a_mistake_is_raised(strict: bool) -> None:
    """`KAFKA_EVENTS_STRICT` goes before what debug and testing say."""
    with shop(testing=not strict, STRICT=strict) as here:
        with pytest.raises(EncodingError) if strict else nullcontext():
            here.mine.emit("mistaken", float("nan"))
        assert here.mine.stats().failed == (not strict)


def test_types_beyond_number_are_all_sent() -> None:
    """What is remembered of types has a bound, and an event of a forgotten type is made like any other."""
    with shop() as here:
        for number in (*range(REMEMBERED + 2), 0):
            here.mine.emit(f"type{number}")
        assert here.types()[-1] == "type0"
        assert len(here.types()) == REMEMBERED + 3


def test_receivers_enrich_and_can_not_harm() -> None:
    """One receiver enriches, one raises, one emits again from a delivery: all is counted, and it ends."""
    with shop() as here:

        def enrich(_: Flask, event: Event) -> Event:
            return event.replace(attributes={"tenant": "t1"}, subject="swords")

        def fail(_: Flask, **__: Any) -> None:
            raise ValueError

        def again(_: Flask, **__: Any) -> None:
            here.mine.emit("again")

        with (
            event_created.connected_to(enrich, sender=here.app),
            event_created.connected_to(fail, sender=here.app),
            event_dropped.connected_to(again, sender=here.app),
            event_delivered.connected_to(fail, sender=here.app),
        ):
            here.mine.emit("tick")
            (event,) = here.sent()
            assert (event.attributes["tenant"], event.subject) == ("t1", "swords")
            assert here.mine.stats().receiver_errors == 2
            here.mine.close()
            here.mine.emit("late")
            assert here.mine.stats().dropped_by_reason == {"closed": 2}


def test_start_builds_the_producer_before_the_first_emit() -> None:
    """start() is enough for a producer to stand; flush, close and stats work in a context too."""
    with shop() as here, here.app.app_context():
        here.mine.start()
        here.events.emit("tick")
        assert here.events.flush(5)
        assert here.events.stats().delivered == 1
        assert here.events.close(1)


def test_a_delivery_can_be_answered_with() -> None:
    """It is a dataclass, which Flask writes as JSON."""
    with shop() as here:

        @here.app.get("/")
        def view() -> Any:
            return jsonify(here.events.emit("sold", wait=5))

        answer = here.app.test_client().get("/")
        assert answer.status_code == 200
        assert answer.json == {"topic": "shop_events", "partition": 0, "offset": 0}
