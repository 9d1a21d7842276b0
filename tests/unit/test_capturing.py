"""`capture_events`: what an app emits in a test, with everything as in production but the broker."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask, current_app, has_app_context

from flask_kafka_events import (
    Delivery,
    DeliveryFailed,
    EncodingError,
    Event,
    KafkaEvents,
    Loss,
    NotInitialised,
    QueueFull,
    Record,
    current_event,
    emit_event,
    event_created,
    event_delivered,
    event_dropped,
    event_failed,
)
from flask_kafka_events.testing import capture_events
from tests.leaks import holdings
from tests.sending import shop
from tests.unit.forked import forked


def app_with(name: str = "shop", *, testing: bool = True, **settings: Any) -> Flask:
    """An app that names no broker, with these settings."""
    app = Flask(name)
    app.config.update(TESTING=testing, PROPAGATE_EXCEPTIONS=False, KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update({f"KAFKA_EVENTS_{key}": value for key, value in settings.items()})
    KafkaEvents(app)
    return app


def emit(app: Flask, type: str, data: Any = None, **how: Any) -> Delivery | None:
    """Emit an event of an app."""
    return KafkaEvents().for_app(app).emit(type, data, **how)


@pytest.fixture
def app() -> Flask:
    """An app with a decorated view, and no broker."""
    app = app_with()

    @app.post("/swords/<color>")
    @emit_event("purchased_sword", key="player")
    def purchase(color: str) -> str:
        current_event.update(player="ana", color=color)
        return "fine"

    return app


def test_events_come_in_order_as_values(app: Flask) -> None:
    """Each has its attributes decoded, and the record that Kafka would get."""
    with capture_events(app) as captured:
        app.test_client().post("/swords/red")
        emit(app, "tick", headers={"tenant": "a"}, topic="other")
    sword, tick = captured
    assert captured.types == ["purchased_sword", "tick"]
    assert (sword.key, sword.topic, sword.data) == ("ana", "shop_events", {"player": "ana", "color": "red"})
    assert (sword.source, sword.subject, sword.attributes["httpstatus"]) == ("/shop", None, 200)
    assert (sword.id, sword.time) == (sword.event.id, sword.event.time)
    assert msgspec.json.decode(sword.record.value)["id"] == sword.id
    assert (tick.key, tick.topic, tick.data, tick.headers["tenant"]) == (None, "other", None, b"a")


def test_a_captured_event_cannot_be_changed(app: Flask) -> None:
    """What a test does to the data that it was given changes nothing for the next one who looks."""
    with capture_events(app) as captured:
        emit(app, "tick", {"list": [1]})
    captured[0].data["list"].append(2)
    assert captured[0].data == {"list": [1]}
    with pytest.raises(AttributeError):
        captured[0].event = captured[0].event  # type: ignore[misc]
    with pytest.raises(TypeError):
        captured[0].attributes["x"] = 1  # type: ignore[index]


def test_no_thread_socket_or_file_is_opened(app: Flask, tmp_path: Path) -> None:
    """Not even where the app has a journal and waits for an acknowledgement."""
    journaling = app_with("other", JOURNAL=str(tmp_path / "journal"))
    before = holdings()
    with capture_events(app, journaling):
        app.test_client().post("/swords/red")
        emit(journaling, "tick", wait=5)
        KafkaEvents().for_app(app).start()
        assert KafkaEvents().for_app(app).flush()
        assert holdings().beyond(before) == []
    assert not (tmp_path / "journal").exists()


def test_everything_is_put_back(app: Flask) -> None:
    """Also where the block raises: the app's state is the very one that it was."""
    before = dict(app.extensions)

    def fail_inside() -> None:
        with capture_events(app):
            assert app.extensions != before
            raise EOFError

    with pytest.raises(EOFError):
        fail_inside()
    assert app.extensions == before


def test_broker_gets_what_is_emitted_outside() -> None:
    """Before and after a capture, also of an `AppEvents` that a job got long ago, and of a thread."""
    with shop() as here:
        mine = here.mine
        mine.emit("before")
        with capture_events(here.app) as captured:
            mine.emit("inside")
            thread = threading.Thread(target=mine.emit, args=("in_a_thread",))
            thread.start()
            thread.join()
        mine.emit("after")
        assert here.types() == ["before", "after"]
        assert captured.types == ["inside", "in_a_thread"]
        assert mine.stats().emitted == 2


def test_each_of_nested_captures_has_what_comes_while_it_is_open(app: Flask) -> None:
    """Whichever of them ends first."""
    outer, inner = capture_events(app), capture_events(app)
    first = outer.__enter__()
    emit(app, "one")
    second = inner.__enter__()
    emit(app, "two")
    outer.__exit__(None, None, None)
    emit(app, "three")
    inner.__exit__(None, None, None)
    assert (first.types, second.types) == (["one", "two"], ["two", "three"])


def test_several_apps_are_captured_together_or_each_alone(app: Flask) -> None:
    """Their events are in the order of emission."""
    other = app_with("other")
    with capture_events(app, other) as both, capture_events(other) as alone:
        emit(app, "one")
        emit(other, "two")
        emit(app, "three")
    assert both.types == ["one", "two", "three"]
    assert [each.source for each in both] == ["/shop", "/other", "/shop"]
    assert alone.types == ["two"]


def test_an_app_that_is_named_twice_is_captured_once(app: Flask) -> None:
    """Each event is there once."""
    with capture_events(app, app) as captured:
        emit(app, "sold")
    assert captured.types == ["sold"]


@pytest.mark.parametrize(
    ("apps", "told"), [((), "without an app"), ((KafkaEvents(),), "was given a KafkaEvents")]
)
def test_what_is_no_app_is_told(apps: Any, told: str) -> None:
    """Nothing would be captured, and the test would pass for nothing."""
    with (
        pytest.raises(NotInitialised, match=rf"capture_events\(\) {told}.*capture_events\(app\)"),
        capture_events(*apps),
    ):
        pass


def test_captures_in_several_threads_miss_nothing() -> None:
    """Tests of one app that run in threads: whoever begins or ends first, each has its own events, and the broker none."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    missed: list[str] = []

    def capture(number: int, barrier: threading.Barrier) -> None:
        barrier.wait()
        for _ in range(20):
            with capture_events(here.app) as captured:
                here.mine.emit(f"of_{number}")
                if f"of_{number}" not in captured.types:
                    missed.append(f"of_{number}")

    try:
        with shop() as here:
            for _ in range(5):
                barrier = threading.Barrier(4)
                threads = [threading.Thread(target=capture, args=(each, barrier)) for each in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            assert here.mine.stats().emitted == 0
    finally:
        sys.setswitchinterval(before)
    assert missed == []


def test_an_app_without_events_is_told() -> None:
    """The error says what is missing, and the other apps are as before."""
    app = app_with()
    before = dict(app.extensions)
    with pytest.raises(NotInitialised, match="init_app"), capture_events(app, Flask("bare")):
        pytest.fail("it began")
    assert app.extensions == before


def test_async_views_are_captured(app: Flask) -> None:
    """As any other."""

    @app.get("/")
    @emit_event("came")
    async def came() -> str:
        current_event["how"] = "async"
        return "fine"

    with capture_events(app) as captured:
        assert app.test_client().get("/").status_code == 200
    captured.assert_emitted("came", data={"how": "async"})


def test_outcomes_and_discards_count_as_in_production(app: Flask) -> None:
    """`on=`, `discard()`, a veto, a rule for the type and a sample rate leave events out, and are counted."""
    quiet = app_with(TYPES={"off": {"enabled": False}, "rare": {"sample": 0.0}})

    @quiet.get("/<what>")
    @emit_event("failed", on="error")
    @emit_event("taken_back")
    def view(what: str) -> tuple[str, int]:
        current_event.discard()
        return what, 200

    veto = event_created.connected_to(lambda _, event: event.type != "vetoed", sender=quiet)
    with capture_events(quiet) as captured, veto:
        quiet.test_client().get("/x")
        for type_ in ("off", "rare", "vetoed"):
            assert emit(quiet, type_, wait=1) is None
        captured.assert_nothing_emitted()
        stats = KafkaEvents().for_app(quiet).stats()
    assert (stats.discarded, stats.not_matching, stats.vetoed, stats.sampled_out, stats.disabled) == (1,) * 5


def test_an_event_at_close_comes_with_the_end_of_the_body(app: Flask) -> None:
    """Not before the response is closed."""

    @app.get("/")
    @emit_event("streamed", at="close")
    def stream() -> Iterator[str]:
        return iter("abc")

    with capture_events(app) as captured:
        response = app.test_client().get("/")
        assert response.text == "abc"
        captured.assert_nothing_emitted()
        response.close()
        captured.assert_emitted("streamed")


def test_what_began_in_a_capture_goes_nowhere_after_it() -> None:
    """A response that is closed late sends nothing to the broker."""
    with shop() as here:
        here.app.get("/")(emit_event("streamed", at="close")(lambda: iter("abc")))
        with capture_events(here.app) as captured:
            response = here.app.test_client().get("/")
        assert response.text == "abc"
        response.close()
        assert here.mine.stats().not_matching == 0
        assert (captured.types, here.types()) == ([], [])


def test_requests_have_their_event() -> None:
    """With KAFKA_EVENTS_REQUESTS, without a decorator."""
    app = app_with(REQUESTS=True)
    app.get("/")(lambda: "fine")
    with capture_events(app) as captured:
        app.test_client().get("/")
    captured.assert_emitted("http.request", attributes={"httpstatus": 200})


def test_waiting_gives_a_delivery_and_the_signal_is_sent(app: Flask) -> None:
    """Each topic has one partition, and all is counted as delivered."""
    told: list[tuple[str, int]] = []

    def delivered(_: Flask, record: Record, delivery: Delivery) -> None:
        told.append((record.type, delivery.offset))

    with capture_events(app), event_delivered.connected_to(delivered, sender=app):
        assert emit(app, "one", wait=0) == Delivery(topic="shop_events", partition=0, offset=0)
        assert emit(app, "two", wait=0, topic="other") == Delivery(topic="other", partition=0, offset=0)
        assert emit(app, "three", wait=0) == Delivery(topic="shop_events", partition=0, offset=1)
        stats = KafkaEvents().for_app(app).stats()
    assert told == [("one", 0), ("two", 0), ("three", 1)]
    assert (stats.emitted, stats.delivered, stats.pending) == (3, 3, 0)


def test_receivers_run_outside_any_context(app: Flask) -> None:
    """As in the poller's thread: one that uses current_app fails here too."""
    told: list[bool] = []

    def delivered(_: Flask, **__: Any) -> None:
        told.append(has_app_context())
        assert current_app.name

    with app.app_context(), capture_events(app), event_delivered.connected_to(delivered, sender=app):
        emit(app, "one")
        assert KafkaEvents().stats().receiver_errors == 1
    assert told == [False]


def test_an_event_emitted_in_a_receiver_is_captured_after_its_cause(app: Flask) -> None:
    """And its own end isn't told to that receiver again."""

    def delivered(_: Flask, record: Record, **__: Any) -> None:
        emit(app, f"after_{record.type}")

    with capture_events(app) as captured, event_delivered.connected_to(delivered, sender=app):
        emit(app, "one")
    assert captured.types == ["one", "after_one"]


def test_a_full_queue_refuses_before_the_view_runs() -> None:
    """Under ON_FULL="raise": captured events hold their places."""
    app = app_with(ON_FULL="raise", QUEUE_EVENTS=2)
    ran: list[str] = []

    @app.get("/")
    @emit_event("sold")
    def sell() -> str:
        ran.append("sold")
        return "fine"

    @app.errorhandler(QueueFull)
    def full(_: QueueFull) -> tuple[str, int]:
        return "later", 503

    with capture_events(app) as captured:
        assert [app.test_client().get("/").status_code for _ in range(2)] == [200, 503]
    assert (captured.types, ran) == (["sold"], ["sold"])


@pytest.mark.parametrize("on_full", ["drop", "block"])
def test_a_full_queue_drops_with_a_reason(on_full: str) -> None:
    """It is told by the signal and counted, and fails nothing by itself."""
    app = app_with(ON_FULL=on_full, QUEUE_EVENTS=2, BLOCK_SECONDS=0.01)
    told: list[Loss] = []

    def dropped(_: Flask, loss: Loss) -> None:
        told.append(loss)

    with capture_events(app) as captured, event_dropped.connected_to(dropped, sender=app):
        emit(app, "sold")
        emit(app, "sold")
        assert KafkaEvents().for_app(app).stats().dropped_by_reason == {"queue_full": 1}
    assert captured.losses == tuple(told)
    captured.assert_emitted("sold", count=1)
    captured.assert_lost("sold", reason="queue_full")


def test_a_journals_limit_takes_the_place_of_the_queues(tmp_path: Path) -> None:
    """With a journal its bytes count, and not the number of events."""
    app = app_with(JOURNAL=str(tmp_path), JOURNAL_MAX_BYTES=65_536, QUEUE_EVENTS=2, MAX_EVENT_BYTES=30_000)
    with capture_events(app) as captured:
        for _ in range(5):
            emit(app, "small")
        emit(app, "large", "x" * 29_000)
        emit(app, "large", "x" * 29_000)
    captured.assert_emitted("small", count=5)
    captured.assert_emitted("large", count=1)
    captured.assert_lost("large", reason="queue_full")


def test_an_emit_after_close_is_dropped() -> None:
    """As in production, and the app can be used again after the capture."""
    with shop() as here:
        with capture_events(here.app) as captured:
            here.mine.emit("one")
            assert here.mine.close()
            here.mine.emit("two")
        assert captured.types == ["one"]
        captured.assert_lost("two", reason="closed")
        here.mine.emit("three", wait=5)


def test_a_mistake_raises_at_its_line_in_strict_mode(app: Flask) -> None:
    """What can't be sent fails there, and not at the end again."""
    with capture_events(app) as captured:
        with pytest.raises(EncodingError, match="price"):
            emit(app, "sold", {"price": float("nan")})
        captured.assert_nothing_emitted()
    assert captured.losses == ()


def test_a_mistake_fails_the_block_outside_strict_mode() -> None:
    """Nothing raises in the request; the end of the block says what is wrong."""
    app = app_with(testing=False)
    told: list[Loss] = []

    @app.get("/")
    @emit_event("sold")
    def sell() -> str:
        current_event["price"] = float("nan")
        return "fine"

    def failed(_: Flask, loss: Loss) -> None:
        told.append(loss)

    with (
        event_failed.connected_to(failed, sender=app),
        pytest.raises(AssertionError) as raised,
        capture_events(app) as captured,
    ):
        assert app.test_client().get("/").status_code == 200
    assert captured.losses == tuple(told)
    assert str(raised.value).splitlines()[0] == "Events that can't be made (1):"
    assert "'sold' (encoding): " in str(raised.value)
    assert "data['price']" in str(raised.value) or 'data["price"]' in str(raised.value)
    assert "assert_lost(type)" in str(raised.value)


def test_a_mistake_that_a_test_means_is_none() -> None:
    """`assert_lost` takes it, and gives it; the reason must be the one."""
    app = app_with(testing=False, MAX_EVENT_BYTES=1_024)
    with capture_events(app) as captured:
        emit(app, "sold", "x" * 1_024)
        with pytest.raises(DeliveryFailed):
            emit(app, "sold", "x" * 1_000, wait=1)
        with pytest.raises(AssertionError, match="No event 'sold' was lost for the reason 'key'"):
            captured.assert_lost("sold", reason="key")
        with pytest.raises(
            AssertionError, match=r"^No event 'bought' was lost\.\nNothing was emitted\.\nLost: 1 'sold'"
        ):
            captured.assert_lost("bought")
        losses = captured.assert_lost("sold", reason="too_large")
    assert [loss.reason for loss in losses] == ["too_large", "too_large"]


def test_a_loss_that_is_meant_within_is_meant_around(app: Flask) -> None:
    """The fixture's capture is around every other: it must not fail for what the test has asserted in its own."""
    app = app_with(testing=False)
    with capture_events(app) as around:
        with capture_events(app) as captured:
            emit(app, "sold", float("nan"))
            captured.assert_lost("sold")
        assert [loss.type for loss in around.losses] == ["sold"]


def test_the_blocks_own_error_goes_before_mistakes() -> None:
    """What the test raised is what is told."""
    app = app_with(testing=False)

    def fail_inside() -> None:
        with capture_events(app):
            emit(app, "sold", float("nan"))
            raise EOFError

    with pytest.raises(EOFError):
        fail_inside()


def test_an_event_that_nobody_could_read_is_a_mistake(app: Flask) -> None:
    """A receiver made it by hand, with an id that CloudEvents doesn't allow."""

    def spoil(_: Flask, event: Event) -> Event:
        return msgspec.structs.replace(event, id="")

    with capture_events(app) as captured, event_created.connected_to(spoil, sender=app):
        emit(app, "sold")
        captured.assert_nothing_emitted()
        captured.assert_lost("sold", reason="unreadable")


def test_clear_forgets_what_was(app: Flask) -> None:
    """Events, losses, mistakes, and what a failure would tell of others."""
    quiet = app_with(testing=False, TYPES={"off": {"enabled": False}})
    with capture_events(quiet) as captured:
        emit(quiet, "one")
        emit(quiet, "off")
        emit(quiet, "two", float("nan"))
        captured.clear()
        assert (len(captured), captured.losses) == (0, ())
        with pytest.raises(AssertionError) as raised:
            captured.assert_emitted("one")
    assert str(raised.value) == "Event 'one' was never emitted.\nNothing was emitted."


def test_what_a_receiver_raises_that_is_no_exception_fails_the_test(app: Flask) -> None:
    """`pytest.fail` in a receiver comes out of the emit; the event is delivered all the same."""

    def delivered(_: Flask, **__: Any) -> None:
        pytest.fail("not this one")

    with capture_events(app) as captured, event_delivered.connected_to(delivered, sender=app):
        with pytest.raises(pytest.fail.Exception):
            emit(app, "one")
        assert KafkaEvents().for_app(app).stats().delivered == 1
    assert captured.types == ["one"]


def test_a_forked_child_captures_into_its_own_copy(app: Flask) -> None:
    """What is emitted there doesn't come back."""

    def work() -> list[Any]:
        emit(app, "child", wait=1)
        return [os.getppid() == parent, captured.types]

    parent = os.getpid()
    with capture_events(app) as captured:
        emit(app, "one")
        assert forked(work) == [True, ["one", "child"]]
    assert captured.types == ["one"]


def test_threads_lose_nothing(app: Flask) -> None:
    """Events of one thread keep their order, and every capture has the same one."""
    mine = KafkaEvents().for_app(app)

    def work(name: str) -> None:
        for number in range(100):
            mine.emit(name, number)

    with capture_events(app) as first, capture_events(app) as second:
        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [each.id for each in first] == [each.id for each in second]
    for name in "ab":
        assert [each.data for each in first.assert_emitted(name)] == list(range(100))


def test_a_capture_shows_its_types(app: Flask) -> None:
    """What pytest prints of it."""
    with capture_events(app) as captured:
        assert repr(captured) == "<Capture: no event>"
        emit(app, "one")
        emit(app, "two")
        assert repr(captured) == "<Capture: one, two>"
