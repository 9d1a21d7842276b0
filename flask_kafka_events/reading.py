"""Reading a topic as events, on the broker that an app's events go to: for a page or a job that follows them.

A reader keeps no place in Kafka and is in nobody's consumer group: who uses it says where to begin, and remembers where it
is.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any, Final, TypeVar

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, Message, TopicPartition
from flask import Flask

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.delivery.native import OffHub
from flask_kafka_events.delivery.topics import Broker, Silence, broker_of, event_of
from flask_kafka_events.errors import BrokerError, ConfigurationError
from flask_kafka_events.event import Event
from flask_kafka_events.pinning import pin, unpin

#: What a reader's consumer is made with, so that it is soon back at a broker that was away: librdkafka alone takes 10 s.
SOON_BACK: Final = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500}
# Whatever it is given beside: it reads for itself, from where it is told.
_ALONE: Final = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "allow.auto.create.topics": False,
}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadEvent:
    """One record of a topic, as it was read.

    Attributes:
        event: what happened; None where the record is no event in a format of this package.
        partition: where it is.
        offset: its place there.
        stored: the record's own time, to the millisecond, in UTC; None where it has none.
        key: the record's key; None for none.
        value: the record's value; None for none.

    .. versionadded:: 0.1
    """

    event: Event | None
    partition: int
    offset: int
    stored: datetime | None
    key: bytes | None
    value: bytes | None


class EventReader:
    """Reads one topic; one thread at a time. Made by `open_reader`.

    Under gevent each call waits in a real thread, and the hub goes on.

    Attributes:
        topic: which.

    .. versionadded:: 0.1
    """

    def __init__(self, broker: Broker, topic: str, properties: Mapping[str, Any]) -> None:
        self.topic = topic
        self._broker = broker
        self._off_hub = OffHub()
        config = {**SOON_BACK, **properties, **broker.config, **_ALONE, "group.id": f"reader-{uuid.uuid4()}"}
        try:
            self._consumer = self._asked(partial(Consumer, config, logger=Silence()))
        except BrokerError:
            self._off_hub.end()
            raise
        # Inherited by a fork child, its destructor would wait for threads that fork didn't copy.
        pin(self._consumer)

    def cluster(self, timeout: float = 0.5) -> tuple[str, tuple[int, ...]]:
        """The name that the brokers have together, and the topic's partitions: none where there is no such topic.

        Args:
            timeout: seconds that they have for the answer.

        Raises:
            BrokerError: they don't answer.
        """
        known = self._asked(lambda: self._consumer.list_topics(timeout=timeout))
        topic = known.topics.get(self.topic)
        return str(known.cluster_id or ""), () if topic is None else tuple(sorted(topic.partitions))

    def offsets(self, partition: int, timeout: float = 0.5) -> range:
        """The offsets that a partition has now: `stop` is that of the next event.

        Raises:
            BrokerError: the broker doesn't answer.
        """
        place = TopicPartition(self.topic, partition)
        ask = partial(self._consumer.get_watermark_offsets, place, timeout=timeout, cached=False)
        return range(*self._asked(ask))

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read from these offsets on, by partition; of those that are gone, from the oldest that is there.

        Once more with further partitions, which come on top.
        """
        places = [TopicPartition(self.topic, partition, offset) for partition, offset in offsets.items()]
        self._asked(lambda: self._consumer.incremental_assign(places))

    def read(self, timeout: float = 0.1, *, limit: int = 500) -> list[ReadEvent]:
        """What has come, in each partition's order; empty where nothing did, or the broker is away just now.

        Args:
            timeout: seconds to wait for the first.
            limit: how many at most.
        """
        return [_read_event(each) for each in self._asked(lambda: self._messages(timeout, limit))]

    def is_stale(self) -> bool:
        """Whether it must be opened anew: the embedded broker that it reads from has ended."""
        lease = self._broker.lease
        return lease is not None and not lease.is_alive()

    def close(self) -> None:
        """End it: at the end of `open_reader`'s block."""
        self._asked(self._consumer.close)
        self._off_hub.end()
        unpin(self._consumer)

    def _messages(self, timeout: float, limit: int) -> list[Message]:
        # consume() alone waits the whole timeout, unless so many have come.
        first = self._consumer.poll(timeout)
        messages = [] if first is None else [first, *self._consumer.consume(limit - 1, 0)]
        # Errors pass by while a broker restarts: librdkafka goes on by itself.
        return [each for each in messages if each.error() is None]

    def _asked(self, ask: Callable[[], T]) -> T:
        return self._broker.answered(lambda: self._off_hub(ask))


@contextmanager
def open_reader(
    app: Flask, topic: str | None = None, *, properties: Mapping[str, Any] | None = None
) -> Iterator[EventReader]:
    """A reader of a topic, with the addresses, certificates and credentials of the app's settings.

    Open it in the process that reads, never before a fork.

    Args:
        app: the app, which has a `KafkaEvents`.
        topic: which; None for `KAFKA_EVENTS_TOPIC`.
        properties: further ones of librdkafka's consumer, such as `fetch.wait.max.ms`.

    Raises:
        NotInitialised: the app has no `KafkaEvents`.
        ConfigurationError: the app names no broker, or no topic is named.
        BrokerError: librdkafka refuses the properties.

    .. versionadded:: 0.1
    """
    pipeline = pipeline_of(app)
    named = topic or pipeline.settings.topic
    if named is None:
        raise ConfigurationError("open_reader() names no topic, and KAFKA_EVENTS_TOPIC isn't set. Name one.")
    with broker_of(pipeline.settings, pipeline.host.instance) as broker:
        reader = EventReader(broker, named, properties or {})
        try:
            yield reader
        finally:
            reader.close()


def _read_event(message: Message) -> ReadEvent:
    kind, milliseconds = message.timestamp()
    has_time = kind != TIMESTAMP_NOT_AVAILABLE
    return ReadEvent(
        event=event_of(message),
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        stored=datetime.fromtimestamp(milliseconds / 1000, timezone.utc) if has_time else None,
        key=message.key(),
        value=message.value(),
    )
