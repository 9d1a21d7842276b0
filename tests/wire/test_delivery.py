"""From emit to acknowledgement, on the embedded broker and without any."""

import ctypes
import os
import socket
import threading
from typing import Any

import pytest
from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import (
    AppEvents,
    Delivery,
    DeliveryTimeout,
    KafkaEvents,
    Loss,
    Record,
    emit_event,
    event_created,
    event_delivered,
    event_dropped,
)
from flask_kafka_events.embedded import Lease
from flask_kafka_events.embedded.cluster import librdkafka_path


def make_app(servers: str, factory: Any = Producer, **settings: Any) -> Flask:
    """An app in production mode on this broker."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=servers, KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update({f"KAFKA_EVENTS_{key}": value for key, value in settings.items()})
    KafkaEvents(app, producer=factory)
    return app


def of(app: Flask) -> AppEvents:
    """The app's events."""
    return KafkaEvents().for_app(app)


@pytest.fixture
def nowhere() -> str:
    """An address where connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_wait_returns_the_delivery(broker: Lease) -> None:
    """emit(wait=) returns where the event is, and flush ignores linger.ms."""
    app = make_app(broker.address, PRODUCER={"linger.ms": 60_000})
    assert of(app).emit("tick", wait=10) == Delivery(topic="shop_events", partition=0, offset=0)
    of(app).emit("tick")
    assert of(app).flush(10)
    assert of(app).stats().delivered == 2
    assert of(app).close()


def test_events_wait_while_the_broker_is_away(nowhere: str) -> None:
    """Without a broker wait= times out, the event stays pending, and close drops it within its deadline."""
    dropped: list[Loss] = []

    def note(_: Flask, loss: Loss) -> None:
        dropped.append(loss)

    app = make_app(nowhere)
    with event_dropped.connected_to(note, sender=app):
        with pytest.raises(DeliveryTimeout, match="still pending"):
            of(app).emit("tick", wait=0.3)
        assert of(app).stats().pending == 1
        assert not of(app).close(0.2)
    stats = of(app).stats()
    assert (stats.dropped_by_reason, stats.pending) == ({"closed": 1}, 0)
    assert [loss.reason for loss in dropped] == ["closed"]
    of(app).emit("late")
    assert of(app).stats().dropped_by_reason == {"closed": 2}


def test_full_queue_drops_with_a_count_and_one_line(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    """A topic holds half the queue; what is past that is dropped, counted and logged once a second."""
    app = make_app(nowhere, QUEUE_EVENTS=20)
    for _ in range(30):
        of(app).emit("tick")
    stats = of(app).stats()
    assert (stats.emitted, stats.pending, stats.dropped_by_reason) == (30, 10, {"queue_full": 20})
    assert caplog.text.count("lost (queue_full)") == 1
    of(app).emit("tick", topic="other")
    assert of(app).stats().pending == 11
    of(app).close(0)
    assert "19 event(s) lost (queue_full)" in caplog.text


def test_ledger_holds_from_any_thread_at_every_moment(broker: Lease) -> None:
    """While four threads emit, each reading of the ledger obeys the conservation law."""
    app = make_app(broker.address)
    threads = [threading.Thread(target=lambda: [of(app).emit("tick") for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        stats = of(app).stats()
        assert stats.emitted == stats.delivered + stats.failed + stats.dropped + stats.pending
    for thread in threads:
        thread.join()
    assert of(app).flush(10)
    assert of(app).stats().delivered == 2000
    of(app).close()


def test_forked_child_makes_its_own_producer(broker: Lease) -> None:
    """An event emitted in a forked child arrives although the parent already has a producer."""
    app = make_app(broker.address)
    of(app).emit("parent", wait=10)
    child = os.fork()
    if child == 0:  # pragma: no cover - measured nowhere: the child leaves by os._exit
        try:
            delivery = of(app).emit("child", wait=10)
            os._exit(0 if delivery is not None and of(app).stats().emitted == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert of(app).stats().emitted == 1
    of(app).close()


def test_event_of_a_request_that_forks_is_sent_by_both(broker: Lease) -> None:
    """A place that the parent reserved before its view forked is not the child's: that one takes its own."""
    app = make_app(broker.address, ON_FULL="raise")
    children: list[int] = []

    @app.get("/")
    @emit_event("forked")
    def view() -> str:
        children.append(os.fork())
        return "ok"

    app.test_client().get("/")
    flushed = of(app).flush(10) and of(app).stats().delivered == 1
    if children == [0]:  # pragma: no cover - measured nowhere: the child leaves by os._exit
        os._exit(0 if flushed else 1)
    assert flushed
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
    of(app).close()


def test_fatal_error_sends_again_in_order(broker: Lease) -> None:
    """After a fatal error a new producer sends what was queued, with the same ids, in order, new events behind."""
    built: list[Producer] = []
    created: list[str] = []
    delivered: list[str] = []

    def factory(config: dict[str, Any], **more: Any) -> Producer:
        built.append(Producer(config, **more))
        return built[-1]

    def note_created(_: Flask, event: Any) -> None:
        created.append(event.id)

    def note(_: Flask, record: Record, delivery: Delivery) -> None:
        assert delivery.topic == record.topic
        delivered.append(record.id)

    app = make_app(broker.address, factory, PRODUCER={"linger.ms": 60_000})
    with event_created.connected_to(note_created, sender=app), event_delivered.connected_to(note, sender=app):
        of(app).emit("first", wait=10)
        for _ in range(5):
            of(app).emit("queued")
        break_fatally(built[0])
        of(app).emit("behind")
        assert of(app).flush(15)
        assert len(built) == 2
        assert delivered == created
        of(app).close()
    built.clear()


@pytest.mark.parametrize("error", ["OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH"])
def test_refused_producer_is_no_refused_event(broker: Lease, error: str) -> None:
    """What a broker no longer takes from this producer is sent again, in order, by one that it takes it from."""
    created: list[str] = []
    delivered: list[str] = []

    def note_created(_: Flask, event: Any) -> None:
        created.append(event.id)

    def note(_: Flask, record: Record, delivery: Delivery) -> None:
        delivered.append(record.id)

    app = make_app(broker.address)
    with event_created.connected_to(note_created, sender=app), event_delivered.connected_to(note, sender=app):
        of(app).emit("first", wait=10)
        broker.refuse(error, n=2)
        for _ in range(5):
            of(app).emit("refused")
        assert of(app).flush(15)
        assert of(app).stats().delivered == 6
        assert delivered == created
        of(app).close()


def break_fatally(producer: Producer) -> None:
    """Have librdkafka raise a fatal error, by its own test call."""
    library = ctypes.CDLL(librdkafka_path())
    handle = ctypes.c_void_p.from_address(id(producer) + 16).value  # behind the object's header
    library.rd_kafka_test_fatal_error.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    assert library.rd_kafka_test_fatal_error(handle, 47, b"test") == 0
