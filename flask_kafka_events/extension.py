"""`KafkaEvents`: what an app calls by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import hooks
from flask_kafka_events.app_events import AppEvents
from flask_kafka_events.app_log import AppLog
from flask_kafka_events.apps import EXTENSION, app_at_hand, pipeline_of
from flask_kafka_events.delivery.connection import ProducerFactory
from flask_kafka_events.delivery.exits import close_on_sigterm
from flask_kafka_events.delivery.preflight import check_properties, check_protocol, import_parts
from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.health import Health
from flask_kafka_events.host import Host
from flask_kafka_events.ledger import Stats
from flask_kafka_events.outcomes import Delivery
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.settings import read_settings


class KafkaEvents:
    """The extension. It holds nothing of any app: several apps may share one, and one app factory may run many times.

    Args:
        app: initialised at once, if given.
        producer: builds a producer from librdkafka's properties: `confluent_kafka.Producer`, a subclass of it, or a
            function that wraps one.

    .. versionadded:: 0.1
    """

    def __init__(self, app: Flask | None = None, *, producer: ProducerFactory = Producer) -> None:
        self._factory = producer
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's settings and listen to its requests; opens no socket and starts no thread.

        Raises:
            ConfigurationError: a setting is wrong, librdkafka refuses a property in `KAFKA_EVENTS_PRODUCER`, or the app
                has a `KafkaEvents` already.
        """
        if EXTENSION in app.extensions:
            raise ConfigurationError(
                f"App {app.name!r} has a KafkaEvents already. Call init_app once for each app."
            )
        settings = read_settings(app.config, app.name)
        check_protocol(settings, app.name)
        if self._factory is Producer:  # another one may take properties of its own
            check_properties(settings, app.name)
        host = Host(
            name=app.name,
            sender=app,
            log=AppLog(lambda: app.logger),
            strict=lambda: (app.debug or app.testing) if settings.strict is None else settings.strict,
            instance=Path(app.instance_path),
        )
        import_parts(settings)
        app.extensions[EXTENSION] = Pipeline(host=host, settings=settings, factory=self._factory)
        hooks.connect(app)
        if settings.handle_sigterm:
            close_on_sigterm()

    def for_app(self, app: Flask) -> AppEvents:
        """The events of `app`, usable without a context.

        Raises:
            NotInitialised: `init_app` wasn't called for it.
        """
        pipeline_of(app)  # raises where there is none
        return AppEvents(app)

    def emit(
        self,
        type: str,
        data: Any = None,
        *,
        key: Any = None,
        topic: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        id: str | None = None,
        attributes: Mapping[str, str | int] | None = None,
        wait: float | None = None,
    ) -> Delivery | None:
        """Send an event of the app at hand now: `AppEvents.emit`.

        Raises:
            NotInitialised: there is no app at hand, or it has no `KafkaEvents`.
        """
        return self._at_hand("events.emit()").emit(
            type, data, key=key, topic=topic, headers=headers, id=id, attributes=attributes, wait=wait
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Send everything that waits in the app at hand: `AppEvents.flush`."""
        return self._at_hand("events.flush()").flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """End the producer of the app at hand: `AppEvents.close`."""
        return self._at_hand("events.close()").close(timeout)

    def stats(self) -> Stats:
        """What became of the events of the app at hand: `AppEvents.stats`."""
        return self._at_hand("events.stats()").stats()

    def health(self) -> Health:
        """Whether the events of the app at hand are well: `AppEvents.health`."""
        return self._at_hand("events.health()").health()

    def _at_hand(self, caller: str) -> AppEvents:
        return AppEvents(app_at_hand(caller))
