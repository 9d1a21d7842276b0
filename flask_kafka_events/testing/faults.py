"""Faults to order, so that an app's tests see what it does when Kafka, or its own process, doesn't do as it should.

Each is a context manager, bites as long as its block lasts, and is undone when the block is left, also by an exception.
`broker_down`, `refuse` and `slow` need an embedded broker, which does what a real one would do; `queue_full` and
`fork` work with any.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from flask import Flask

from flask_kafka_events.errors import FaultError
from flask_kafka_events.testing.broker_errors import broker_error
from flask_kafka_events.testing.forked_child import ForkedChild
from flask_kafka_events.testing.reach import Target, alone, ask_again, broker_of, keeping_of, settle

T = TypeVar("T")

_MOST_REFUSALS: Final = 10_000
_LONGEST_DELAY: Final = 600_000


@contextmanager
def broker_down(target: Target) -> Iterator[None]:
    """The broker drops every connection and refuses new ones; afterwards it is back, with all that it had.

    Events wait meanwhile, and are sent after the block: at once, or after a long block as soon as librdkafka tries again,
    which takes up to 10 s.

    Args:
        target: the app on an embedded broker, or that broker.

    Raises:
        FaultError: the app is on another broker, or sends nothing.
        EmbeddedBrokerError: the broker can't be started or told.

    .. versionadded:: 0.1
    """
    with broker_of(target, "broker_down") as broker:
        was_up = broker.broker_down()
        try:
            yield
        finally:
            if was_up:  # else it is the block around this one that ends the outage
                broker.broker_up()


@contextmanager
def refuse(target: Target, error: str, *, n: int = 1, wait: float = 5.0) -> Iterator[None]:
    """The broker refuses the next requests to store events, and forgets at the end how many of them are left.

    It is as with any broker: librdkafka sends again what was refused for a passing reason, and such an event is late;
    for a lasting one it has failed (with a journal it is a dead letter), with the error's name as its reason.
    After `TOPIC_AUTHORIZATION_FAILED` librdkafka asks the broker for a second or two no more, and refuses that topic's
    events itself, by the same name; the end of the block makes it ask again.

    Args:
        target: the app on an embedded broker, or that broker.
        error: its name as in `confluent_kafka.KafkaError`: `"TOPIC_AUTHORIZATION_FAILED"`, `"NOT_ENOUGH_REPLICAS"`;
            `"_TRANSPORT"` drops the connection instead of an answer.
        n: how many requests, 1 to 10,000. Events that are sent together are one request; each attempt is another.
        wait: seconds that the end of the block waits at most until the app's events have their end, so that they meet
            the fault although they are sent in the background. Where `target` is a broker it knows of no app and
            doesn't wait: flush in the block.

    Raises:
        FaultError: no broker knows such an error, `n` is out of range, the app is on another broker, or sends nothing; or
            this process has the broker refuse already.
        EmbeddedBrokerError: the broker can't be started or told.

    .. versionadded:: 0.1
    """
    name = broker_error(error)
    _check_number("refuse", "n", n, minimum=1, maximum=_MOST_REFUSALS)
    with broker_of(target, "refuse") as broker, alone(broker):
        broker.refuse(name, n=n)
        try:
            yield
            settle(target, wait)
        finally:
            broker.accept()
            ask_again(target)


@contextmanager
def slow(target: Target, ms: int, *, wait: float = 5.0) -> Iterator[None]:
    """The broker answers later.

    Args:
        target: the app on an embedded broker, or that broker.
        ms: by how much, in milliseconds: 0 to 600,000. From 30,000 on librdkafka takes its requests for lost and
            sends them again.
        wait: as for `refuse`.

    Raises:
        FaultError: `ms` is out of range, the app is on another broker, or sends nothing.
        EmbeddedBrokerError: the broker can't be started or told.

    .. versionadded:: 0.1
    """
    _check_number("slow", "ms", ms, minimum=0, maximum=_LONGEST_DELAY)
    with broker_of(target, "slow") as broker:
        before = broker.round_trip(ms)
        try:
            yield
            settle(target, wait)
        finally:
            broker.round_trip(before)


@contextmanager
def queue_full(app: Flask) -> Iterator[None]:
    """The queue of this process (with a journal: the journal) has no place left, so that `KAFKA_EVENTS_ON_FULL` decides.

    What has its place already is sent as usual, and what is dropped stays so. No broker is needed.

    Args:
        app: whose queue.

    Raises:
        FaultError: the app sends nothing.
        NotInitialised: the app has no `KafkaEvents`.

    .. versionadded:: 0.1
    """
    with keeping_of(app, "queue_full").filled():
        yield


@contextmanager
def fork(app: Flask, work: Callable[[], T], *, wait: float = 30.0) -> Iterator[ForkedChild[T]]:
    """Another process, a fork of this one, does `work`, sends its events, and ends; this one does the block meanwhile.

    It is what happens to an app under `gunicorn --preload`, in `multiprocessing` and in Celery's pool. The end of the
    block waits for the child; an exception in the block kills it.

    Args:
        app: whose events the child sends and counts. Any broker will do.
        work: what the child does.
        wait: seconds that the child may take after the block.

    Yields:
        The child. Once the block is left it has a `result`, which is what `work` returned (it must be picklable), and
        `stats`, the ledger of the child's own process at its end.

    Raises:
        FaultError: `work` raised (the message has the child's traceback), or the child died, or took too long and was
            killed; or this platform can't fork.
        NotInitialised: the app has no `KafkaEvents`.

    .. versionadded:: 0.1
    """
    with ForkedChild(app, work) as child:
        yield child
        child.wait(wait)


def _check_number(fault: str, name: str, value: object, *, minimum: int, maximum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise FaultError(
            f"faults.{fault}: {name} is {value!r}. It must be a whole number from {minimum:,} to {maximum:,}."
        )
