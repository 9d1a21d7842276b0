"""From an event's content to its delivery: every step counted, every loss told."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeAlias

from flask_kafka_events import signals
from flask_kafka_events.announcer import Announcer
from flask_kafka_events.broker_addresses import NOT_SET
from flask_kafka_events.content import Content, ContentMaker, Envelope, KeySource
from flask_kafka_events.delivery.admission import Reservation
from flask_kafka_events.delivery.connection import Connection, ProducerFactory
from flask_kafka_events.delivery.per_process import PerProcess
from flask_kafka_events.delivery.process import ProcessDelivery
from flask_kafka_events.delivery.shipment import QUEUE_FULL, Refusal
from flask_kafka_events.errors import ConfigurationError, DeliveryFailed, DeliveryTimeout, QueueFull
from flask_kafka_events.event import Event, Record, new_id
from flask_kafka_events.host import Host
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.log_line import Line
from flask_kafka_events.mistakes import loss_of, refusal_of
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.sampling import kept
from flask_kafka_events.settings import Settings

#: Who waits for an event's end.
Waiter: TypeAlias = Future[Delivery | Refusal]


class Pipeline:
    """One app's way from content to broker.

    Args:
        host: the app.
        settings: the app's.
        factory: builds a producer from librdkafka's properties.
    """

    #: Whether it is the app's own, and no stand-in for a while.
    is_lasting = True

    def __init__(self, *, host: Host, settings: Settings, factory: ProducerFactory) -> None:
        self.settings, self.host = settings, host
        #: Whether a mistake in an event is raised where it is made.
        self.is_strict = host.strict
        self.factory = factory
        self.reminders = Reminders(host.log)
        self.contents = ContentMaker(settings=settings)
        self._announcer = Announcer(sender=host.sender, log=host.log, reminders=self.reminders)
        self.processes = PerProcess(self._make_process)
        self._make_delivery: Callable[..., ProcessDelivery] = ProcessDelivery

    @property
    def process(self) -> ProcessDelivery:
        """The calling process's ledger, queue and producer."""
        return self.processes.current()

    def content(
        self,
        type: str,
        make_data: Callable[[], object],
        *,
        strict: bool | None = None,
        waiter: Waiter | None = None,
        **how: Any,
    ) -> Content | None:
        """`make_content`, but what it raises is counted and told instead, unless `strict` (None: as the app has it)."""
        strict = self.is_strict() if strict is None else strict
        try:
            return self.make_content(type, make_data, strict=strict, **how)
        except Exception as error:  # a data callable is the app's and may raise anything
            if strict:
                raise
            self.lose_content(type, error, waiter)
            return None

    def make_content(
        self,
        type: str,
        make_data: Callable[[], object],
        *,
        strict: bool,
        key: KeySource | None = None,
        topic: str | None = None,
        format: str | None = None,
        **given: Any,
    ) -> Content | None:
        """Make an event's content; None where it is switched off, which is counted.

        Args:
            type: the event's.
            make_data: gives the data; it may raise.
            strict: whether a missing key is an error.
            key: as `ContentMaker.make` takes it.
            topic: likewise.
            format: likewise.
            given: headers, id and attributes, likewise.

        Raises:
            Exception: it can't be made, or what the app gave to make it raised.
        """
        if not self._enabled(type):
            self.process.ledger.set_apart("disabled")
            return None
        self.check_configured()
        return self.contents.make(
            type, make_data(), key=key, topic=topic, format=format, strict=strict, **given
        )

    def reserve(self, type: str, topic: str | None) -> Reservation | None:
        """Under `ON_FULL = "raise"`, take an event's place before anything happens that it would tell.

        Raises:
            QueueFull: there is none.
        """
        if self.settings.on_full != "raise":
            return None
        topic = self.settings.types.for_type(type).topic or topic or self.settings.topic
        if topic is None or not self._enabled(type):
            return None
        place = self.process.reserve(topic)
        if place is None:
            raise QueueFull(f"Event {type!r} was refused before anything happened. {QUEUE_FULL.explanation}")
        return place

    def send(
        self,
        content: Content,
        envelope: Envelope,
        *,
        place: Reservation | None = None,
        waiter: Waiter | None = None,
    ) -> bool:
        """Send an event; False where it was sampled out, vetoed, or spoilt by a receiver. Never raises."""
        process = self.process
        id_ = envelope.id or new_id()
        event: Event | None = None
        trace, sample = envelope.trace, content.rule.sample
        if sample < 1.0 and not kept(sample, id_ if trace is None else trace()):
            process.ledger.set_apart("sampled_out")
        else:
            event = self._created(content, envelope, id_, process)
        record = None if event is None else self._record(event, content, waiter)
        if record is None:
            if place is not None:
                place.give_back()
            return False
        if content.why_keyless:
            text = f"Events of type {content.type!r} go without a key: {content.why_keyless}"
            self.reminders.warn(("key", content.type), "%s", text, line=Line("keyless", type=content.type))
        process.send(record, place=place, waiter=waiter, emitted_in=self._announcer.inside())
        return True

    def lose_content(self, type: str, error: BaseException, waiter: Waiter | None = None) -> None:
        """Count, announce and log an event that came to nothing before it had an id, and tell it to who waits."""
        process, end = self.process, refusal_of(error)
        process.ledger.enter()
        process.lose(loss_of(type, end))
        if waiter is not None:
            waiter.set_result(end)

    def wait(self, waiter: Waiter, type: str, timeout: float) -> Delivery:
        """Wait for an event's end.

        Raises:
            DeliveryTimeout: it is still pending after `timeout` seconds.
            DeliveryFailed: it was dropped or refused.
        """
        try:
            end = self.process.wait(waiter, timeout)
        except FutureTimeout:
            rest = self.process.connection.obstacle
            rest = rest or "It is still pending and will be sent; don't emit it again."
            raise DeliveryTimeout(f"Event {type!r} was not acknowledged within {timeout} s. {rest}") from None
        if isinstance(end, Delivery):
            return end
        raise DeliveryFailed(f"Event {type!r} is lost: {end.explanation}", reason=end.reason)

    def _enabled(self, type: str) -> bool:
        return self.settings.enabled and self.settings.types.for_type(type).enabled

    def check_configured(self) -> None:
        """Raise `ConfigurationError` where the app names no broker."""
        if self.settings.bootstrap_servers is None:
            raise ConfigurationError(
                f"App {self.host.name!r} has events, but {NOT_SET} KAFKA_EVENTS_ENABLED = False sends none."
            )

    def _created(
        self, content: Content, envelope: Envelope, id: str, process: ProcessDelivery
    ) -> Event | None:
        event = Event(
            id=id,
            source=self.settings.source,
            type=content.type,
            time=content.time,
            topic=content.topic,
            key=content.key,
            data=content.data,
            attributes=envelope.attributes,
        )
        created = self._announcer.created(signals.event_created, process.ledger, event)
        if created is None:
            process.ledger.set_apart("vetoed")
        return created

    def _record(self, event: Event, content: Content, waiter: Waiter | None) -> Record | None:
        try:
            if signals.event_created.receivers:
                event = event.checked()
            record = content.format(event)
        except Exception as error:  # noqa: BLE001 - a receiver may have made the event by hand, of anything
            self.lose_content(content.type, error, waiter)
            return None
        if content.headers:
            record = record.with_headers(content.headers)
        return record

    def _announce(
        self,
        ledger: Ledger,
        end: Delivery | Loss,
        *,
        emitted_in: frozenset[str] = frozenset(),
        record: Record | None = None,
    ) -> None:
        if isinstance(end, Delivery):
            self._announcer.announce(
                signals.event_delivered, ledger, emitted_in=emitted_in, record=record, delivery=end
            )
        else:
            signal = signals.event_dropped if end.dropped else signals.event_failed
            self._announcer.announce(signal, ledger, emitted_in=emitted_in, loss=end)

    def _make_process(self) -> ProcessDelivery:
        return self._make_delivery(
            app_name=self.host.name,
            settings=self.settings,
            connection=Connection(
                settings=self.settings,
                # Asked for at its call: an extra may put another in its place after the process has begun to count.
                factory=lambda config, *, logger: self.factory(config, logger=logger),
                log=self.host.log,
                directory=self.host.instance,
            ),
            log=self.host.log,
            announce=self._announce,
        )
