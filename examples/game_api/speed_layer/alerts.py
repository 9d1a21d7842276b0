"""Acting upon what was counted: an alert becomes an event of its own, sent by the library, with its cause."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from threading import Condition
from typing import Any, Final

from flask import Flask
from quixstreams.sinks.base import SinkBackpressureError
from sqlalchemy import Engine

from examples.game_api.speed_layer import database
from examples.game_api.speed_layer.options import Options
from flask_kafka_events import Delivery, KafkaEvents, Record, event_delivered

ALERTED: Final = "player_alerted"
WAIT_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0

events = KafkaEvents()


def create_app(options: Options) -> Flask:
    """An app without routes, for the events of the speed layer itself."""
    app = Flask("speed_layer")
    app.config.from_prefixed_env()
    app.config.update(
        KAFKA_EVENTS_BOOTSTRAP_SERVERS=options.bootstrap_servers,
        KAFKA_EVENTS_TOPIC=options.topic,
        KAFKA_EVENTS_FORMAT="plain",
        KAFKA_EVENTS_HANDLE_SIGTERM=False,  # Quix Streams ends the program, and needs its events until then
    )
    events.init_app(app)
    return app


class Alerts:
    """Announces alerts that the database has.

    Args:
        app: whose events they are.
        engine: the database.
    """

    def __init__(self, app: Flask, engine: Engine) -> None:
        self._app = app
        self._events = events.for_app(app)
        self._engine = engine
        self._delivered: set[str] = set()
        self._news = Condition()
        event_delivered.connect(self._keep, sender=app)

    def announce(self, topic: str, partition: int) -> None:
        """Emit the alerts of a partition that weren't announced yet, and remember which of them the broker has.

        A process that dies between the two leaves them to be emitted again, with the same ids: the same events.

        Raises:
            SinkBackpressureError: the broker doesn't take one; Quix Streams will come by here again.
        """
        place = {"topic": topic, "part": partition}
        with self._engine.connect() as connection:
            waiting = connection.execute(database.UNANNOUNCED, place).mappings().all()
        if not waiting:
            return
        delivered = self._send(waiting, topic)
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        if delivered:
            with self._engine.begin() as connection:
                rows = [{"id": id_, "announced": now} for id_ in sorted(delivered)]
                connection.execute(database.SET_ANNOUNCED, rows)
        if len(delivered) < len(waiting):
            self._app.logger.warning(
                "%d alert(s) wait for Kafka; they are sent again in %g s",
                len(waiting) - len(delivered),
                RETRY_SECONDS,
            )
            raise SinkBackpressureError(retry_after=RETRY_SECONDS)

    def close(self) -> None:
        """End the producer."""
        self._events.close()

    def _send(self, alerts: Sequence[Mapping[Any, Any]], topic: str) -> set[str]:
        """Emit all, and wait; the ids of those that the broker has."""
        ids = {alert["id"] for alert in alerts}
        for alert in alerts:
            self._emit(alert, topic)
        self._events.flush(WAIT_SECONDS)
        with self._news:
            # Those that failed will never come: what the flush has waited for is here in a moment, or not at all.
            self._news.wait_for(lambda: ids <= self._delivered, timeout=1)
            delivered = ids & self._delivered
            self._delivered -= delivered
        return delivered

    def _emit(self, alert: Mapping[Any, Any], topic: str) -> None:
        told = ("player", "swords", "window_start", "window_end")
        cause = {"causationid": alert["cause_id"], "traceparent": alert["cause_trace"]}
        self._events.emit(
            ALERTED,
            {name: alert[name] for name in told},
            key=alert["player"],
            topic=topic,
            id=alert["id"],
            attributes={name: value for name, value in cause.items() if value},
        )

    def _keep(self, _: Flask, *, record: Record, delivery: Delivery) -> None:  # noqa: ARG002 - what the signal sends
        with self._news:
            self._delivered.add(record.id)
            self._news.notify_all()
