"""How a fault reaches what it is ordered for: the embedded broker, or the app's own process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol, TypeAlias

from confluent_kafka import KafkaException, Producer
from flask import Flask

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.delivery.keeping import Keeping
from flask_kafka_events.embedded import join
from flask_kafka_events.embedded.remote_control import RemoteControl
from flask_kafka_events.embedded.signposts import broker_at
from flask_kafka_events.errors import FaultError
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.testing.capturing import TapedPipeline

#: Seconds that a broker gets to say which topics it has.
ASKING: Final = 1.0


# The brokers that this process has ordered to refuse, by address: each forgets all its refusals at once, whoever ordered
# them, and by whichever app.
_refusing: Final[set[str]] = set()


class HoldsBroker(Protocol):
    """Something that keeps an embedded broker alive, the fixture `kafka_broker`'s value for example.

    .. versionadded:: 0.1
    """

    @property
    def lease(self) -> RemoteControl:
        """Its hold on the broker."""


#: An app on an embedded broker; or that broker, as `embedded.join` gives it or as something's `lease`.
Target: TypeAlias = Flask | RemoteControl | HoldsBroker


@contextmanager
def broker_of(target: Target, fault: str) -> Iterator[RemoteControl]:
    """The embedded broker that a fault is ordered from; it lives as long as this.

    Raises:
        FaultError: there is none behind `target`.
        EmbeddedBrokerError: it can't be started.
    """
    if isinstance(target, Flask):
        with _broker_of_app(target, fault) as broker:
            yield broker
        return
    control: object = getattr(target, "lease", target)
    if not isinstance(control, RemoteControl):
        raise FaultError(
            f"faults.{fault} was ordered for {target!r}, which is no app and no embedded broker. Give it the app, whose "
            f'KAFKA_EVENTS_BOOTSTRAP_SERVERS is "{EMBEDDED}", or what embedded.join() returned.'
        )
    yield control


@contextmanager
def alone(broker: RemoteControl) -> Iterator[None]:
    """While this lasts the broker takes no other order to refuse from this process.

    Raises:
        FaultError: it has one already.
    """
    if broker.address in _refusing:
        raise FaultError(
            f"faults.refuse was ordered within another refuse, and its end would end the refusals of the block around it: "
            f"the broker at {broker.address} forgets all of them at once. Order one after the other, or one with a larger n."
        )
    _refusing.add(broker.address)
    try:
        yield
    finally:
        _refusing.discard(broker.address)


def keeping_of(app: Flask, fault: str) -> Keeping:
    """What keeps the app's events in this process until they are sent.

    Raises:
        FaultError: it sends none.
        NotInitialised: the app has no `KafkaEvents`.
    """
    return _sending(app, fault).process.poller.keeping


def settle(target: Target, timeout: float) -> None:
    """Wait until the app's events have their end, at most `timeout` seconds; a broker has no app."""
    if isinstance(target, Flask):
        pipeline_of(target).process.flush(timeout)


def ask_again(target: Target) -> None:
    """Let the app's producer forget what it believes of the topics, by asking the broker.

    It takes a topic that was denied once for denied, until it looks again (measured: 1.5 s).
    """
    producer = pipeline_of(target).process.poller.gate.producer if isinstance(target, Flask) else None
    if isinstance(producer, Producer):  # gevent's stand-in for one would ask in its own time
        with suppress(KafkaException):  # the broker is down, by another order
            producer.list_topics(timeout=ASKING)


@contextmanager
def _broker_of_app(app: Flask, fault: str) -> Iterator[RemoteControl]:
    pipeline = _sending(app, fault)
    if isinstance(pipeline, TapedPipeline):
        raise FaultError(
            f"faults.{fault} would never bite: the events of app {app.name!r} are captured, and reach no broker. Order it "
            f"outside capture_events (the fixture kafka_events is one), or queue_full and fork, which work there."
        )
    servers = pipeline.settings.bootstrap_servers
    if servers == EMBEDDED:
        with join(pipeline.host.instance, log=_silence()) as lease:
            yield lease
        return
    found = None if servers is None else broker_at(servers)
    broker = None if found is None else RemoteControl(found)
    if broker is None or not broker.is_alive():
        where = "has no broker at all" if servers is None else f"is on {servers}, which is none"
        raise FaultError(
            f"faults.{fault} takes an embedded broker, and app {app.name!r} {where}. In its tests set "
            f'KAFKA_EVENTS_BOOTSTRAP_SERVERS = "{EMBEDDED}", or the address of one that the tests have started.'
        )
    yield broker


def _sending(app: Flask, fault: str) -> Pipeline:
    pipeline = pipeline_of(app)
    if not pipeline.settings.enabled:
        raise FaultError(
            f"faults.{fault} would never bite: app {app.name!r} has KAFKA_EVENTS_ENABLED = False and sends nothing. "
            f"Leave it out in this test."
        )
    return pipeline


def _silence() -> logging.Logger:
    # The app itself tells where its broker is, once: its tests may count the lines.
    logger = logging.Logger(__name__)  # noqa: LOG001 - its own, for a registered one would stay disabled
    logger.disabled = True
    return logger
