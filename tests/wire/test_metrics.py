"""librdkafka's own statistics of a real connection, as metrics."""

from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest

from flask_kafka_events import KafkaEvents
from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.scrapes import samples, total


def test_broker_is_shown_while_it_is_connected(broker: Lease) -> None:
    """Its connection, its round trips and how long they take; none after the close."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=broker.address, KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update(KAFKA_EVENTS_PRODUCER={"statistics.interval.ms": 50, "linger.ms": 0})
    events = KafkaEvents(app).for_app(app)
    registry = CollectorRegistry()
    export_metrics(app, registry=registry)

    def shown(name: str, **labels: str) -> float:
        return total(samples(generate_latest(registry).decode()), name, app="shop", **labels)

    try:
        events.emit("sold", wait=10)
        wait_until(lambda: shown("broker_round_trips_total", broker="1") > 2, "its answers are counted")
        assert (shown("broker_connected", broker="1"), shown("brokers_connected")) == (1, 1)
        took = shown("broker_round_trip_seconds_total", broker="1")
        assert 0 < took / shown("broker_round_trips_total", broker="1") < 1
        assert 0 < shown("delivery_latency_seconds_sum") < 10
        broker.broker_down()
        wait_until(lambda: shown("brokers_connected") == 0, "it isn't connected")
        wait_until(lambda: shown("broker_connected", broker="1") == 0, "nor is the one that it was")
        broker.broker_up()
        wait_until(lambda: shown("broker_connected", broker="1") == 1, "it is again")
    finally:
        events.close()
    assert (shown("broker_connected", broker="1"), shown("brokers_connected")) == (0, 0)
