"""Topics as a person sees them: list, create, describe, read; on a real broker and on the embedded one."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AdminClient,
    NewTopic,
    TopicMetadata,
)

from flask_kafka_events import embedded
from flask_kafka_events.broker_addresses import EMBEDDED, NOT_SET
from flask_kafka_events.delivery.connection import asked_credentials
from flask_kafka_events.delivery.reports import next_step
from flask_kafka_events.errors import BrokerError, ConfigurationError, explanation
from flask_kafka_events.event import Event
from flask_kafka_events.formats.reading import read
from flask_kafka_events.masking import scrub
from flask_kafka_events.settings import Settings

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
        secrets: texts that no error may show.
        patience: seconds that it has for an answer.
    """

    config: Mapping[str, Any]
    lease: embedded.Lease | None
    secrets: tuple[str, ...] = ()
    patience: float = ANSWER

    def topics(self) -> dict[str, TopicMetadata]:
        """All topics by name, without Kafka's own.

        Raises:
            BrokerError: the broker doesn't answer.
        """
        found = self.answered(lambda: self._admin().list_topics(timeout=self.patience).topics)
        return {name: found[name] for name in sorted(found) if not name.startswith("__")}

    def topic(self, name: str) -> TopicMetadata:
        """What the broker knows of a topic.

        Raises:
            BrokerError: there is none, it may not be seen, or the broker doesn't answer.
        """
        found = self.topics().get(name)
        if found is None:
            running = (
                " (is the app running? The embedded broker ends with its last user)" if self.lease else ""
            )
            raise BrokerError(
                f"There is no topic {name!r}{running}. Create it: flask kafka-events topics create {name}"
            )
        if found.error is not None:
            raise self._told(found.error)
        return found

    def create(self, name: str, *, partitions: int, replication: int) -> bool:
        """Create a topic; False where it exists.

        Raises:
            BrokerError: the broker refuses it or doesn't answer.
        """
        if self.lease is not None and replication > 1:
            raise BrokerError("The embedded broker is one broker: leave --replication at 1.")
        if self.lease is not None:
            return self.lease.create_topic(name, partitions=partitions)
        if name in self.topics():
            return False
        # In a variable: an AdminClient that is collected fails its own futures with _DESTROY.
        admin = self._admin()
        topic = NewTopic(name, num_partitions=partitions, replication_factor=replication)
        created = admin.create_topics([topic], request_timeout=self.patience)[name]
        return self.answered(created.result) is None  # what the future of a created topic holds

    def read(self, topic: str, *, from_beginning: bool, until_end: bool) -> Iterator[Message]:
        """The topic's messages, partition by partition as they come; ends at the end only if asked to.

        Raises:
            BrokerError: there is no such topic, or the broker doesn't answer.
        """
        partitions = self.topic(topic).partitions
        config = {**self.config, "group.id": f"tail-{uuid.uuid4()}", "enable.auto.commit": False}
        consumer = Consumer({**config, "enable.partition.eof": True}, logger=Silence())
        try:
            # So that it knows the leaders: else it asks for the offsets again after half a second (12 ms so, measured).
            self.answered(lambda: consumer.list_topics(topic, timeout=self.patience))
            start = OFFSET_BEGINNING if from_beginning else OFFSET_END
            consumer.assign([TopicPartition(topic, partition, start) for partition in partitions])
            yield from self._messages(consumer, len(partitions) if until_end else None)
        finally:
            consumer.close()

    def _messages(self, consumer: Consumer, ends: int | None) -> Iterator[Message]:
        reached: set[int | None] = set()
        answered = time.monotonic()
        while len(reached) != ends:
            message = consumer.poll(0.2)
            error = None if message is None else message.error()
            if message is None or error is not None:
                # Errors pass by while a broker restarts: librdkafka goes on by itself.
                if message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
                    reached.add(message.partition())
                elif ends is not None and time.monotonic() - answered > self.patience:
                    raise BrokerError("The broker doesn't answer. Check that it is running and reachable.")
                continue
            answered = time.monotonic()
            yield message

    def answered(self, ask: Callable[[], T]) -> T:
        """What a client of this broker answers.

        Raises:
            BrokerError: librdkafka's error, with the next step and without the settings' secrets.
        """
        try:
            return ask()
        except KafkaException as exception:
            raise self._told(exception.args[0]) from None

    def _told(self, error: KafkaError) -> BrokerError:
        text = scrub(f"Kafka: {error.str()} ({error.name()}).", self.secrets)
        return BrokerError(f"{text} {next_step(error)}".strip())

    def _admin(self) -> AdminClient:
        return admin_client(self.config)


def headers_of(message: Message) -> list[tuple[str, bytes | None]] | None:
    """A read message's headers."""
    # Their annotation also has what is only given to a producer: a consumer's are bytes.
    return cast("list[tuple[str, bytes | None]] | None", message.headers())


def event_of(message: Message) -> Event | None:
    """The event in a read message; None where it is none in a format of this package."""
    return read(
        value=message.value(), headers=headers_of(message), key=message.key(), topic=message.topic() or ""
    )


class Silence:
    """Takes librdkafka's log, which would go to stderr: what matters in it comes back as an error of the call."""

    def log(self, *_: object) -> None:
        """Say nothing."""


def admin_client(config: Mapping[str, Any]) -> AdminClient:
    """A client with these properties that doesn't write librdkafka's log to stderr."""
    # Among the properties: confluent-kafka 2.3's AdminClient has no argument of that name.
    quiet: dict[str, Any] = {**config, "logger": Silence()}
    return AdminClient(quiet)


@contextmanager
def broker_of(settings: Settings, directory: Path) -> Iterator[Broker]:
    """The broker that an app's events go to.

    Raises:
        ConfigurationError: the app names none.
    """
    servers = settings.bootstrap_servers
    if servers is None:
        raise ConfigurationError(NOT_SET)
    config = {name: value for name, value in settings.producer.items() if name.startswith(_COMMON)}
    secrets = settings.producer.secret_values()
    if settings.credentials is not None:
        user, password = _asked(settings.credentials)
        config.update({"sasl.username": user, "sasl.password": password})
        secrets = (*secrets, password)
    if servers != EMBEDDED:
        yield Broker(config={**config, "bootstrap.servers": servers}, lease=None, secrets=secrets)
        return
    with embedded.join(directory) as lease:
        yield Broker(config={**config, "bootstrap.servers": lease.address}, lease=lease)


def _asked(credentials: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    try:
        return asked_credentials(credentials)
    except Exception as error:  # noqa: BLE001 - it is the app's and may raise anything
        raise ConfigurationError(f"KAFKA_EVENTS_CREDENTIALS: {explanation(error)}.") from None
