"""An embedded broker of a test's own, and what an app has sent there."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka import Message

from flask_kafka_events.delivery.topics import Broker, event_of, headers_of
from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.event import Record
from flask_kafka_events.testing.captured import CapturedEvent, CapturedEvents
from flask_kafka_events.testing.failures import too_few

#: Seconds that the broker stays after the test: nobody comes back to it.
_LINGER: Final = 0.3
#: Seconds between two looks at a topic that lacks an event.
_AGAIN: Final = 0.02


class EmbeddedBroker:
    """A broker that speaks Kafka's own protocol, in a process of its own, in memory.

    Made by `embedded_broker`, or by the pytest fixture `kafka_broker`.

    Attributes:
        lease: the hold on it, by which it is told to fail.

    .. versionadded:: 0.1
    """

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        # By itself the broker answers at the end of a topic after half a second.
        config = {"bootstrap.servers": lease.address, "fetch.wait.max.ms": 10}
        self._broker = Broker(config=config, lease=lease)

    def __repr__(self) -> str:
        return f"<EmbeddedBroker {self.address}>"

    @property
    def address(self) -> str:
        """Host and port, for any client that librdkafka is in."""
        return self.lease.address

    def config(self, topic: str) -> dict[str, str]:
        """The settings of an app whose events go to this topic here, which is made with one partition.

        Args:
            topic: its `KAFKA_EVENTS_TOPIC`.

        Raises:
            EmbeddedBrokerError: the name can't be, or the broker is gone.
        """
        self.create_topic(topic)
        return {"KAFKA_EVENTS_BOOTSTRAP_SERVERS": self.address, "KAFKA_EVENTS_TOPIC": topic}

    def create_topic(self, name: str, *, partitions: int = 1) -> bool:
        """Make a topic; one that an event makes has 4 partitions, between which there is no order.

        Returns:
            True; False where there is one of that name, which keeps its partitions.

        Raises:
            EmbeddedBrokerError: the name or number can't be, or the broker is gone.
        """
        return self.lease.create_topic(name, partitions=partitions)

    def read(self, topic: str, *, count: int | None = None, timeout: float = 5.0) -> CapturedEvents:
        """What is in a topic, in each partition's order.

        Args:
            topic: its name; one that doesn't exist yet is empty.
            count: how many events to wait for; None reads what is there now: `flush()` the app before.
            timeout: seconds to wait for them.

        Raises:
            AssertionError: they don't come, or a record is no event that a consumer could read.
            BrokerError: the broker doesn't answer.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        events = self._read(topic)
        while count is not None and len(events) < count:
            if time.monotonic() > deadline:
                raise AssertionError(
                    too_few(topic, count, timeout, [(each.event, each.record) for each in events])
                )
            time.sleep(_AGAIN)
            events = self._read(topic)
        return CapturedEvents(events)

    def _read(self, topic: str) -> list[CapturedEvent]:
        if topic not in self._broker.topics():
            return []
        return [_event(message) for message in self._broker.read(topic, from_beginning=True, until_end=True)]


@contextmanager
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """A broker of its own for the length of the block; it starts in less than 0.1 s and keeps nothing.

    Raises:
        EmbeddedBrokerError: it doesn't come up.

    .. versionadded:: 0.1
    """
    with (
        tempfile.TemporaryDirectory(prefix="kafka-events-", ignore_cleanup_errors=True) as directory,
        join(Path(directory), linger=_LINGER) as lease,
    ):
        yield EmbeddedBroker(lease)


def _event(message: Message) -> CapturedEvent:
    event, topic = event_of(message), message.topic() or ""
    if event is None:
        raise AssertionError(
            f"The record at offset {message.offset()} of topic {topic!r}, partition {message.partition()}, is no event "
            f"in a format of this package. Who else writes there?"
        )
    record = Record(
        id=event.id,
        type=event.type,
        topic=topic,
        key=message.key(),
        value=message.value() or b"",
        headers=tuple((name, content or b"") for name, content in headers_of(message) or ()),
    )
    return CapturedEvent(event=event, record=record)
