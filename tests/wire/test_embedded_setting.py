"""An app on the embedded broker: `KAFKA_EVENTS_BOOTSTRAP_SERVERS = "embedded"`, whatever becomes of it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from flask import Flask

from flask_kafka_events import AppEvents, Delivery, KafkaEvents
from flask_kafka_events.embedded import Lease, join
from tests.processes import wait_until


@pytest.fixture
def broker(instance: Path) -> Iterator[Lease]:
    """The embedded broker of that folder; it ends right after its last user."""
    with join(instance, linger=0.3) as lease:
        yield lease


def events_in(instance: Path, factory: Any = Producer) -> AppEvents:
    """The events of an app with that folder."""
    app = Flask("shop", instance_path=str(instance))
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TOPIC="known")
    return KafkaEvents(app, producer=factory).for_app(app)


def test_topic_gets_one_partition(instance: Path, broker: Lease) -> None:
    """No address is needed, and all keys of a topic are in one order."""
    assert broker.address
    events = events_in(instance)
    deliveries = [events.emit("tick", key=str(number), wait=10) for number in range(8)]
    assert {delivery.partition for delivery in deliveries if delivery} == {0}
    assert events.close()


def test_broken_producer_goes_back_to_its_broker(instance: Path, broker: Lease) -> None:
    """The producer that replaces a broken one sends to the same embedded broker."""
    assert broker.address
    fatal = [KafkaException(KafkaError(KafkaError._FATAL))]  # noqa: SLF001 - a public name

    class Breaking(Producer):
        def poll(self, timeout: float = -1) -> int:
            if fatal:
                raise fatal.pop()
            return super().poll(timeout)

    events = events_in(instance, Breaking)
    events.emit("first")
    wait_until(lambda: not fatal, "the producer broke")
    assert events.emit("second", wait=10) == Delivery(topic="known", partition=0, offset=1)
    assert events.close()


def test_producer_that_is_built_at_the_second_try_has_the_same_broker(
    instance: Path, broker: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed attempt keeps the hold on the embedded broker: it is joined once."""
    trouble = [KafkaException(KafkaError(KafkaError._FAIL))]  # noqa: SLF001 - a public name

    def factory(config: dict[str, Any], **more: Any) -> Producer:
        if trouble:
            raise trouble.pop()
        return Producer(config, **more)

    events = events_in(instance, factory)
    assert events.emit("tick", wait=10) == Delivery(topic="known", partition=0, offset=0)
    assert events.close()
    assert [record.name for record in caplog.records if broker.address in record.getMessage()] == ["shop"]


def test_broker_that_is_down_for_a_while_is_waited_for(
    instance: Path, broker: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """Events of an outage arrive at the same broker, once, and the producer stays."""
    events = events_in(instance)
    events.emit("before", wait=10)
    broker.broker_down()
    events.emit("meanwhile")
    wait_until(lambda: "brokers are down" in caplog.text, "the outage is told")
    broker.broker_up()
    assert events.emit("after", wait=20) == Delivery(topic="known", partition=0, offset=2)
    assert events.close()


@pytest.mark.parametrize("topic", ["known", "new"])
def test_killed_broker_is_joined_again(instance: Path, topic: str) -> None:
    """Events go to the successor of a broker that was killed, for topics that the app had there and for new ones."""
    events = events_in(instance)
    with join(instance, linger=0.3) as lease:
        assert events.emit("tick", wait=10) is not None
        os.kill(lease.pid, signal.SIGKILL)
    with join(instance, linger=0.3) as successor:
        assert events.emit("tick", topic=topic, wait=20) is not None
        assert successor.pid != lease.pid
        events.close()


def test_broker_killed_before_the_first_event_is_joined_again(
    instance: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it can't make a topic any more its successor does."""
    with join(instance, linger=0.3) as lease:
        victims = [lease.pid]

        def factory(config: dict[str, Any], **more: Any) -> Producer:
            if victims:
                os.kill(victims.pop(), signal.SIGKILL)
            return Producer(config, **more)

        events = events_in(instance, factory)
        assert events.emit("tick", wait=20) == Delivery(topic="known", partition=0, offset=0)
        assert events.close()
    assert "doesn't answer" in caplog.text
