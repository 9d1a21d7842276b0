"""Topics as a person sees them: list, create, describe, read; on a real broker and on the embedded one."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AdminClient,
    NewTopic,
    TopicMetadata,
)

from flask_kafka_events import embedded
from flask_kafka_events.delivery.reports import next_step
from flask_kafka_events.errors import BrokerError, ConfigurationError
from flask_kafka_events.settings import EMBEDDED, Settings

#: Seconds that a broker has for its answer.
ANSWER: Final = 8.0
#: Properties that every client of librdkafka has; the producer's own would be refused or warned about.
_COMMON: Final = ("security.", "sasl.", "ssl.", "client.", "socket.", "enable.ssl", "oauth_cb")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """A broker that questions can be asked.

    Attributes:
        config: librdkafka's properties for any kind of client.
        lease: the embedded broker, where it is that.
    """

    config: Mapping[str, Any]
    lease: embedded.Lease | None

    def topics(self) -> dict[str, TopicMetadata]:
        """All topics by name, without Kafka's own.

        Raises:
            BrokerError: the broker doesn't answer.
        """
        found = _answered(lambda: self._admin().list_topics(timeout=ANSWER).topics)
        return {name: found[name] for name in sorted(found) if not name.startswith("__")}

    def create(self, name: str, *, partitions: int, replication: int) -> bool:
        """Create a topic; False where it exists.

        Raises:
            BrokerError: the broker refuses it or doesn't answer.
        """
        if self.lease is not None:
            return self.lease.create_topic(name, partitions=partitions)
        # In a variable: an AdminClient that is collected fails its own futures with _DESTROY.
        admin = self._admin()
        topic = NewTopic(name, num_partitions=partitions, replication_factor=replication)
        try:
            admin.create_topics([topic], request_timeout=ANSWER)[name].result(ANSWER)
        except KafkaException as exception:
            if exception.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise _told(exception.args[0]) from None
        return True

    def read(self, topic: str, *, from_beginning: bool, until_end: bool) -> Iterator[Message]:
        """The topic's messages, partition by partition as they come; ends at the end only if asked to.

        Raises:
            BrokerError: there is no such topic, or the broker doesn't answer.
        """
        found = self.topics().get(topic)
        if found is None:
            raise BrokerError(
                f"There is no topic {topic!r}. Create it: flask kafka-events topics create {topic}"
            )
        config = {**self.config, "group.id": f"tail-{uuid.uuid4()}", "enable.auto.commit": False}
        consumer = Consumer({**config, "enable.partition.eof": True})
        try:
            yield from _messages(
                consumer, topic, list(found.partitions), from_beginning=from_beginning, until_end=until_end
            )
        finally:
            consumer.close()

    def _admin(self) -> AdminClient:
        return AdminClient(dict(self.config))


@contextmanager
def broker_of(settings: Settings, directory: Path) -> Iterator[Broker]:
    """The broker that an app's events go to.

    Raises:
        ConfigurationError: the app names none.
    """
    servers = settings.bootstrap_servers
    if servers is None:
        raise ConfigurationError(
            "KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set. Set it to 'host:port', or to 'embedded' for development."
        )
    config = {name: value for name, value in settings.producer.items() if name.startswith(_COMMON)}
    if settings.credentials is not None:
        config["sasl.username"], config["sasl.password"] = settings.credentials()
    if servers != EMBEDDED:
        yield Broker(config={**config, "bootstrap.servers": servers}, lease=None)
        return
    with embedded.join(directory) as lease:
        yield Broker(config={**config, "bootstrap.servers": lease.address}, lease=lease)


def _messages(
    consumer: Consumer, topic: str, partitions: list[int], *, from_beginning: bool, until_end: bool
) -> Iterator[Message]:
    start = -2 if from_beginning else -1  # librdkafka's OFFSET_BEGINNING and OFFSET_END
    consumer.assign([TopicPartition(topic, partition, start) for partition in partitions])
    ended: set[int | None] = set()
    deadline = time.monotonic() + ANSWER
    while not (until_end and len(ended) == len(partitions)):
        message = consumer.poll(0.2)
        if message is None:
            if until_end and time.monotonic() > deadline:
                raise BrokerError("The broker doesn't answer. Check that it is running and reachable.")
            continue
        deadline = time.monotonic() + ANSWER
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
        else:
            raise _told(error)


def _answered(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except KafkaException as exception:
        raise _told(exception.args[0]) from None


def _told(error: KafkaError) -> BrokerError:
    return BrokerError(f"Kafka: {error.str()} ({error.name()}). {next_step(error)}".strip())
