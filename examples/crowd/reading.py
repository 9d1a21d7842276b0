"""What of a crowd arrives: a consumer that follows the topic from the moment on when the crowd comes."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import click
import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.processes import wait_until

#: The event of each of the game's routes.
EVENTS: Final = {
    "/": "default",
    "/purchase_a_sword": "purchased_sword",
    "/purchase_a_knife": "purchased_knife",
    "/join_guild": "joined_guild",
}
ANSWER_SECONDS: Final = 5.0
_KINDS: Final = frozenset(EVENTS.values())
_AT_ONCE: Final = 1_000
#: What a broker answers for a moment where a topic has just been made, although its metadata already name a leader.
_NOT_YET: Final = frozenset([KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])


class Reader:
    """Counts the events of one crowd, in a thread of its own, while the crowd plays.

    Not afterwards: the embedded broker keeps only the last 5 MB of a topic.

    Attributes:
        arrived: how many events of each player and type there are, each id once.
        again: how many were there already.
    """

    def __init__(self, broker: str, topic: str, crowd: str) -> None:
        self.arrived: Counter[tuple[str, str]] = Counter()
        self.again = 0
        self._broker = broker
        self._topic = topic
        self._begins = f"{crowd}-".encode()
        self._next = ends_of(broker, topic)
        self._ids: set[str] = set()
        self._trouble: KafkaException | None = None
        self._is_over = threading.Event()

    def __len__(self) -> int:
        return len(self._ids)

    def follow(self) -> None:
        """Read until `stop`, or an error."""
        consumer = Consumer(_config(self._broker))
        with closing(consumer):
            consumer.assign(
                [TopicPartition(self._topic, number, offset) for number, offset in self._next.items()]
            )
            while not self._is_over.is_set() and self._trouble is None:
                for message in consumer.consume(_AT_ONCE, 0.1):
                    self._take(message)

    def stop(self) -> None:
        """Read no more."""
        self._is_over.set()

    def read_all(self, *, seconds: float) -> None:
        """Wait until everything is read that is on the topic now.

        Raises:
            KafkaException: the topic can't be read.
            TimeoutError: it took longer than `seconds`.
        """
        ends = ends_of(self._broker, self._topic)
        wait_until(lambda: self._has_reached(ends), "the topic is read to its end", seconds=seconds)

    def _has_reached(self, ends: dict[int, int]) -> bool:
        if self._trouble is not None:
            raise self._trouble
        return all(self._next[number] >= offset for number, offset in ends.items())

    def _take(self, message: Message) -> None:
        error, number, offset = message.error(), message.partition(), message.offset()
        if error is not None or number is None or offset is None:
            self._trouble = KafkaException(error)
            return
        key = _bytes(message.key())
        # Others play too, and somebody may act upon what these do: the speed layer's alerts have the player's key.
        if key.startswith(self._begins) and (named := _id_and_type(message))[1] in _KINDS:
            identity, kind = named
            self.again += identity in self._ids
            self.arrived[key.decode(), kind] += identity not in self._ids
            self._ids.add(identity)
        self._next[number] = offset + 1


@contextmanager
def reading(broker: str, topic: str, crowd: str) -> Iterator[Reader]:
    """Read a topic, from its end as it is now.

    Raises:
        click.ClickException: there is no such broker, or no such topic.
    """
    try:
        reader = Reader(broker, topic, crowd)
    except KafkaException as error:
        raise click.ClickException(
            f"Topic {topic!r} at {broker} can't be read: {error.args[0].str()}. Is the broker up, and the topic made?"
        ) from None
    thread = threading.Thread(target=reader.follow, name="reader")
    thread.start()
    try:
        yield reader
    finally:
        reader.stop()
        thread.join()


def ends_of(broker: str, topic: str) -> dict[int, int]:
    """The offset that each partition's next record will have.

    By a consumer of its own: another thread's calls of one that is in `consume` wait for it, and of one that consumes
    in a loop for ever (confluent-kafka 2.16).

    Raises:
        KafkaException: there is no such broker, or no such topic.
    """
    consumer = Consumer(_config(broker))
    with closing(consumer):
        found = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return {number: _end(consumer, TopicPartition(topic, number)) for number in found.partitions}


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)[1])
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _config(broker: str) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": broker,
        "group.id": "crowd",  # it must have one; nothing is committed, and no partition assigned by it
        "enable.auto.commit": False,
        "auto.offset.reset": "error",  # what is gone before it is read would look like a loss
        "fetch.wait.max.ms": 50,
        "log_level": 2,  # a broker that isn't there would be told twenty times a second
    }


def _id_and_type(message: Message) -> tuple[str, str]:
    """By CloudEvents' binding for Kafka: in headers, or in the value."""
    pairs: Any = message.headers() or ()  # its annotation also has what is only given to a producer
    headers = {name: _bytes(content) for name, content in pairs}
    if "ce_id" in headers:
        return headers["ce_id"].decode(), headers["ce_type"].decode()
    event = msgspec.json.decode(message.value() or b"{}", type=dict[str, object])
    return str(event.get("id")), str(event.get("type"))


def _bytes(content: str | bytes | None) -> bytes:
    """What librdkafka gives, which is bytes wherever there is anything."""
    return content.encode() if isinstance(content, str) else content or b""
