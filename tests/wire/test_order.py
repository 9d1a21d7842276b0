"""What arrives, and in which order, when a broker refuses a producer's first request and takes its second.

Kafka takes any first number from a producer that it doesn't know. Both requests are on their way then, and librdkafka
believes that a broker which took the second has the first.
"""

import json
from collections.abc import Iterator

import pytest
from flask import Flask

from flask_kafka_events import AppEvents, KafkaEvents
from flask_kafka_events.embedded import Lease
from tests.wire.embedded_broker import read


@pytest.fixture
def app(broker: Lease) -> Iterator[Flask]:
    """An app whose events are a request each, all of them on their way before the first is answered."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=broker.address, KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update(KAFKA_EVENTS_PRODUCER={"batch.num.messages": 1})
    KafkaEvents(app)
    broker.round_trip(100)
    yield app
    KafkaEvents().for_app(app).close()


def of(app: Flask) -> AppEvents:
    """The app's events."""
    return KafkaEvents().for_app(app)


def numbers(broker: Lease, count: int) -> list[int]:
    """What the events that arrived say, in order, each once."""
    broker.round_trip(0)
    values = read(broker.address, "shop_events", count)
    return list(dict.fromkeys(json.loads(each)["data"]["number"] for each in values))


def test_refused_event_is_not_lost_behind_one_that_was_taken(
    app: Flask, broker: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """An acknowledgement that tells no place is not believed: the event is sent again, and the log says why."""
    broker.refuse("NOT_ENOUGH_REPLICAS")
    for number in range(4):
        of(app).emit("tick", {"number": number}, key=str(number))
    assert of(app).flush(20)
    assert set(numbers(broker, 4)) == {0, 1, 2, 3}
    assert of(app).stats().delivered == 4
    assert "acknowledged an event without an offset" in caplog.text


def test_key_keeps_its_order_behind_a_refused_event(app: Flask, broker: Lease) -> None:
    """A producer's first event of a key is acknowledged before it sends another one of that key."""
    broker.refuse("NOT_ENOUGH_REPLICAS")
    for number in range(4):
        of(app).emit("tick", {"number": number}, key="ana")
    assert of(app).flush(20)
    assert numbers(broker, 4) == [0, 1, 2, 3]
    assert of(app).stats().delivered == 4
