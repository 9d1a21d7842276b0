"""What people would use instead: each sends an event to the same broker, from a view or from a loop."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Producer
from kafka import KafkaProducer
from uuid_utils import uuid7

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOPIC = "bench"
#: What the original game sends: fifteen bytes, no metadata.
VALUE = b"purchased_sword"
SECONDS = 60


class Peer(msgspec.Struct, frozen=True):
    """One of them.

    Attributes:
        send: sends one event.
        settle: waits until the broker has all that were sent.
    """

    send: Callable[[], object]
    settle: Callable[[], object]


def confluent_producer(servers: str) -> Producer:
    """As ours is: idempotent, with acks=all, for otherwise it wouldn't be the same promise; and as long a queue."""
    return Producer(
        {
            "bootstrap.servers": servers, "enable.idempotence": True, "log_level": 0,
            "queue.buffering.max.messages": 1_000_000,
        }
    )  # fmt: skip


def kafka_python_producer(servers: str, **more: Any) -> Any:
    """Idempotent, with acks=all, as it is by itself."""
    return KafkaProducer(bootstrap_servers=servers, **more)


@contextmanager
def confluent(servers: str) -> Iterator[Peer]:
    """A bare `produce` with a delivery callback, polled by a thread of its own."""
    with polled(servers) as producer:
        yield Peer(bare_event(producer), lambda: settle(producer))


def bare_event(producer: Producer) -> Callable[[], None]:
    """What sends it."""

    def send() -> None:
        producer.produce(TOPIC, VALUE, on_delivery=reported)

    return send


class _Envelope(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    partitionkey: str
    httpmethod: str
    httproute: str
    httpstatus: int
    durationus: int
    endpoint: str
    data: dict[str, object]


@contextmanager
def handwritten(servers: str) -> Iterator[Peer]:
    """A rich CloudEvent as one would write it by hand for one route: no settings, no ledger, no mistakes caught."""
    with polled(servers) as producer:
        yield Peer(rich_event(producer), lambda: settle(producer))


def rich_event(producer: Any) -> Callable[[], None]:
    """What sends it."""
    encode = msgspec.json.Encoder().encode
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]

    def send() -> None:
        event = _Envelope(
            specversion="1.0", id=str(uuid7()), source="/bench", type="bought", time=_rfc3339(time.time_ns()),
            partitionkey="ana", httpmethod="GET", httproute="/", httpstatus=200, durationus=12,
            endpoint="buy", data={"player": "ana", "color": "red", "price": 12},
        )  # fmt: skip
        producer.produce(TOPIC, encode(event), b"ana", headers=headers, on_delivery=reported)

    return send


@contextmanager
def kafka_python(servers: str) -> Iterator[Peer]:
    """kafka-python's `send` of the bare value, as the original game does it."""
    # Asked for its versions, the embedded broker gives kafka-python no answer that it understands.
    producer = kafka_python_producer(servers, api_version=(2, 0))
    try:
        yield Peer(lambda: producer.send(TOPIC, VALUE), lambda: producer.flush(SECONDS))
    finally:
        producer.close(timeout=5)


@contextmanager
def all_peers(servers: str) -> Iterator[dict[str, Peer]]:
    """Each by its name in the tables."""
    with ExitStack() as stack:
        yield {
            "confluent": stack.enter_context(confluent(servers)),
            "handwritten": stack.enter_context(handwritten(servers)),
            "kafka-python": stack.enter_context(kafka_python(servers)),
        }


def reported(error: object, _message: object) -> None:
    """What the least callback does."""
    if error is not None:
        raise AssertionError(error)


@contextmanager
def polled(servers: str) -> Iterator[Producer]:
    """A producer that a thread of its own polls."""
    producer = confluent_producer(servers)
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            producer.poll(0.1)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield producer
    finally:
        settle(producer)
        stop.set()
        thread.join()


def settle(producer: Producer) -> None:
    """Wait until the broker has all that it was given."""
    if producer.flush(SECONDS):
        raise AssertionError(f"{len(producer)} events were not acknowledged.")


def _rfc3339(now: int) -> str:
    seconds, rest = divmod(now, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06}Z"
