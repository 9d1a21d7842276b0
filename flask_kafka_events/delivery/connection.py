"""How this app's producer is built: settings, secrets, broker address, and what librdkafka tells on the way."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Producer

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.broker_addresses import EMBEDDED, NOT_SET
from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.librdkafka_log import LibrdkafkaLog
from flask_kafka_events.delivery.reports import (
    CONFIGURATION,
    UNCONNECTED,
    UNREACHABLE,
    next_step,
    refuses_certificate,
)
from flask_kafka_events.errors import BrokerError, ConfigurationError
from flask_kafka_events.log_line import Line
from flask_kafka_events.masking import scrub
from flask_kafka_events.pinning import pin, unpin
from flask_kafka_events.producer_properties import librdkafka_config
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.settings import Settings

if TYPE_CHECKING:
    from flask_kafka_events.embedded import Lease

#: Milliseconds between two of librdkafka's statistics, where they are asked for and the settings name no others.
STATISTICS: Final = 5_000

#: Seconds one poll may last. On confluent-kafka 2.13 poll(2.0) blocked 1.8 s after serving; 0.1 s is safe on all.
POLL: Final = 0.1

#: Builds a producer from librdkafka's properties: `confluent_kafka.Producer` or something that behaves like it.
ProducerFactory: TypeAlias = Callable[..., Producer]


class Connection:
    """One process's way to the broker. Used by the poller's thread alone, but for `knows` and the attributes.

    Attributes:
        obstacle: what must be corrected before there can be a producer, with the next step; empty where nothing must.
        on_statistics: get librdkafka's statistics, as JSON, of every producer that is built from now on; in the poller's
            thread, and they mustn't raise. Without any, none are made.
        complaint: the last error for which a connection didn't come about: its name, and the next step.
        complained_at: when that was, by `time.monotonic`.
        refused_at: when a broker last refused an event, by `time.monotonic`: it has answered.
        directory: where the embedded broker leaves its address.
    """

    def __init__(self, *, settings: Settings, factory: ProducerFactory, log: AppLog, directory: Path) -> None:
        self._settings = settings
        self._factory = factory
        self._log = log
        self.directory = directory
        self._lease: Lease | None = None
        self._topics: set[str] = set()
        self.reminders = Reminders(log)
        self.obstacle = self.complaint = ""
        self.complained_at = self.refused_at = -math.inf
        self.on_statistics: list[Callable[[str], object]] = []
        self._certificates = self._certificate_times()
        self._credentials_refused = False
        self._unreachable = False
        self._password: tuple[str, ...] = ()

    def open(self) -> Producer:
        """Build a producer; may take seconds (OAuth, the embedded broker's start).

        Raises:
            ConfigurationError: building it again can't help until a certificate file changes.
        """
        try:
            producer = self._built()
        except ConfigurationError as error:
            self.obstacle = str(error)
            raise
        self.obstacle = ""
        return producer

    def _built(self) -> Producer:
        self._certificates = self._certificate_times()
        config: dict[str, Any] = dict(librdkafka_config(self._settings))
        config["bootstrap.servers"] = self._address()
        config["error_cb"] = self._on_error
        if self.on_statistics:
            config.setdefault("statistics.interval.ms", STATISTICS)
            config["stats_cb"] = self._tell_statistics
        if self._settings.credentials is not None:
            config["sasl.username"], config["sasl.password"] = self._credentials(self._settings.credentials)
        try:
            log = LibrdkafkaLog(self.reminders, self.scrubbed)
            producer = native.build(self._factory, config, logger=log)
        except KafkaException as error:
            raise self._explained(error.args[0]) from None
        # Inherited by a fork child, its destructor would wait 1 s for threads that fork didn't copy.
        pin(producer)
        return producer

    def retire(self, producer: Producer, *, grace: float) -> None:
        """Let go of a producer that `open` built, in the process that built it.

        What it can't finish in `grace` seconds is reported as purged.
        """
        with suppress(KafkaException):  # a fatal error once more; all it held comes back by the purge
            producer.flush(grace)
        producer.purge()
        while len(producer):
            with suppress(KafkaException):  # the fatal error once more; the reports come with the next poll
                producer.poll(POLL)
        native.end(producer)
        unpin(producer)

    def release(self) -> None:
        """Give up the embedded broker, where there is one."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None
            self._topics.clear()

    def knows(self, topic: str) -> bool:
        """Whether `topic` may be produced to without `prepare`; true for every topic of a real broker."""
        return self._lease is None or topic in self._topics

    def prepare(self, topic: str) -> None:
        """Make an unknown `topic` on the embedded broker: made by a produce it would get four partitions, not one."""
        if self._lease is not None and topic not in self._topics:
            self._lease.create_topic(topic)
            self._topics.add(topic)

    def certificates_changed(self) -> bool:
        """Whether a certificate or key file named in the settings is another than when `open` read it."""
        return self._certificate_times() != self._certificates

    def is_stale(self) -> bool:
        """Whether the producer that `open` built should be replaced: by new certificates, or the embedded broker's end."""
        if self._broker_was_killed():
            self.release()
            return True
        return self.certificates_changed()

    def renew_credentials(self, producer: Producer) -> None:
        """Ask the app for user and password again, if the broker refused the last ones."""
        ask = self._settings.credentials
        if self._credentials_refused and ask is not None:
            self._credentials_refused = False
            producer.set_sasl_credentials(*self._credentials(ask))

    def scrubbed(self, text: str) -> str:
        """What librdkafka or the broker says, without the secrets of the settings."""
        return scrub(text, (*self._settings.producer.secret_values(), *self._password))

    def _broker_was_killed(self) -> bool:
        # Asked once for each failure: one that was ordered down answers, and comes back at its address.
        lease, unreachable = self._lease, self._unreachable
        self._unreachable = False
        return unreachable and lease is not None and not lease.is_alive()

    def _credentials(self, ask: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        user, password = asked_credentials(ask)
        self._password = (password,)
        return user, password

    def _on_error(self, error: KafkaError) -> None:
        self._credentials_refused |= error.code() == KafkaError._AUTHENTICATION
        self._unreachable |= error.code() in UNREACHABLE
        text = self.scrubbed(error.str())
        step = next_step(error)
        is_away = error.code() in UNREACHABLE and not refuses_certificate(error)
        waits = " Events wait until it is." if is_away else ""
        # By the step too: a refused connection must not hide a refused certificate for a minute.
        name = error.name()
        if error.code() in UNCONNECTED:
            self.complaint, self.complained_at = f"{name}. {step}", time.monotonic()
        line = Line("broker_error", error=name)
        self.reminders.warn((error.code(), step), "Kafka: %s (%s). %s%s", text, name, step, waits, line=line)

    def _tell_statistics(self, text: str) -> None:
        for tell in self.on_statistics:
            tell(text)

    def _address(self) -> str:
        servers = self._settings.bootstrap_servers
        if servers is None:
            raise ConfigurationError(NOT_SET)
        if servers != EMBEDDED:
            return servers
        if self._lease is None:
            # Here, for production has no use for it.
            from flask_kafka_events.embedded import join

            self._lease = join(self.directory, log=self._log)
        return self._lease.address

    def _certificate_times(self) -> Mapping[Path, int | None]:
        return {path: _modified(path) for path in self._settings.producer.file_locations()}

    def _explained(self, error: KafkaError) -> Exception:
        text = self.scrubbed(error.str())
        if error.code() in CONFIGURATION:
            return ConfigurationError(
                f"librdkafka refuses the producer's configuration: {text} Correct KAFKA_EVENTS_PRODUCER and restart; "
                f"events wait in the queue meanwhile."
            )
        return BrokerError(f"{text} ({error.name()})")


def asked_credentials(ask: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """User and password, as the app's own function gives them.

    Raises:
        ConfigurationError: it gives something else.
        Exception: whatever it raises.
    """
    user, password = ask()
    if not all(isinstance(each, str) for each in (user, password)):
        raise ConfigurationError("KAFKA_EVENTS_CREDENTIALS must return a user and a password, two texts.")
    return user, password


def _modified(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
