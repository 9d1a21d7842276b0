"""An app whose events reach a producer that keeps them: the pipeline is real up to librdkafka's door."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError
from flask import Flask

from flask_kafka_events import AppEvents, Event, KafkaEvents
from flask_kafka_events.formats.reading import read


@dataclass(frozen=True)
class Acknowledged:
    """What a delivery report knows of a message."""

    number: int

    def partition(self) -> int:
        """Always the first."""
        return 0

    def offset(self) -> int:
        """Its place among all."""
        return self.number


class KeepingProducer:
    """Behaves like confluent_kafka.Producer before a broker that acknowledges at the next poll, or not at all."""

    def __init__(self, config: dict[str, Any], **_: Any) -> None:
        self.config = config
        self.sent: list[Event] = []
        self.headers: list[dict[str, bytes]] = []
        self.waiting: list[Any] = []
        self.answers = True
        self.polls = 0
        self.error: KafkaError | None = None
        self._came = threading.Condition()

    def produce(self, topic: str, value: bytes, key: bytes | None, *, headers: Any, on_delivery: Any) -> None:
        """Keep a message."""
        event = read(value=value, headers=headers, key=key, topic=topic)
        assert event is not None
        with self._came:
            self.sent.append(event)
            self.headers.append(dict(headers))
            self.waiting.append((on_delivery, len(self.sent) - 1))
            self._came.notify_all()

    def poll(self, timeout: float) -> int:
        """Acknowledge what waits."""
        self.polls += 1
        with self._came:
            if not self._came.wait_for(lambda: self.waiting and self.answers, timeout):
                return 0
            served, self.waiting = self.waiting, []
        for report, number in served:
            report(self.error, Acknowledged(number))
        return len(served)

    flush = poll

    def purge(self) -> None:
        """Give back what waits, as librdkafka does."""
        served, self.waiting = self.waiting, []
        for report, number in served:
            report(KafkaError(KafkaError._PURGE_QUEUE), Acknowledged(number))  # noqa: SLF001 - a public name

    def __len__(self) -> int:
        return len(self.waiting)


@dataclass
class Shop:
    """An app with its extension and what it sent."""

    app: Flask
    events: KafkaEvents
    producers: list[KeepingProducer] = field(default_factory=list)

    @property
    def mine(self) -> AppEvents:
        """The app's events, without a context."""
        return self.events.for_app(self.app)

    def is_accounted_for(self) -> bool:
        """Whether every event that was emitted or adopted has met its end or is pending."""
        stats = self.mine.stats()
        ends = stats.delivered + stats.failed + stats.dropped + stats.dead + stats.pending
        return stats.emitted + stats.adopted == ends

    def sent(self) -> list[Event]:
        """All events sent so far, in order."""
        self.mine.flush(5)
        return [event for producer in self.producers for event in producer.sent]

    def types(self) -> list[str]:
        """Their types."""
        return [event.type for event in self.sent()]


@contextmanager
def shop(
    name: str = "shop",
    *,
    app: Flask | None = None,
    testing: bool = True,
    make: Callable[..., Any] = KeepingProducer,
    patience: float = 1,
    **settings: Any,
) -> Iterator[Shop]:
    """An app called `name` with these settings; closed at the end.

    Args:
        name: the app's.
        app: it itself, where it is there already.
        testing: whether mistakes raise.
        make: builds its producers.
        patience: seconds that its end may take.
        settings: each is `KAFKA_EVENTS_` and its name.
    """
    made: list[KeepingProducer] = []

    def factory(config: dict[str, Any], **more: Any) -> Any:
        made.append(make(config, **more))
        return made[-1]

    app = app or Flask(name)
    app.config.update(TESTING=testing, PROPAGATE_EXCEPTIONS=False, SECRET_KEY="x")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="broker:9092", KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update({f"KAFKA_EVENTS_{key}": value for key, value in settings.items()})
    events = KafkaEvents(producer=factory)
    events.init_app(app)
    held = Shop(app, events, made)
    try:
        yield held
    finally:
        held.mine.close(patience)
