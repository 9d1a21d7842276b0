"""Settings that are right one by one and contradict each other."""

from collections.abc import Iterator
from typing import Final

from flask import Flask

from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.doctor.serving import Serving
from flask_kafka_events.settings import Settings

NO_BROKER: Final = Check(
    name="bootstrap-servers",
    severity="error",
    finds="No broker is named: every event is dropped at once.",
    next_step="Before init_app, set KAFKA_EVENTS_BOOTSTRAP_SERVERS to 'host:port', or to 'embedded' for development; from the "
    "environment it is FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS, and app.config.from_prefixed_env() reads it.",
)
EMBEDDED_BROKER: Final = Check(
    name="embedded-broker",
    severity="note",
    finds="The embedded broker, which keeps nothing, in an app that isn't in debug or testing mode.",
    next_step="In production name your Kafka in KAFKA_EVENTS_BOOTSTRAP_SERVERS.",
)
STRICT: Final = Check(
    name="strict",
    severity="warning",
    finds="`KAFKA_EVENTS_STRICT` outside debug and testing mode: a mistake in an event is the client's status 500.",
    next_step="Leave KAFKA_EVENTS_STRICT out: it then follows debug and testing mode.",
)
EVENT_BYTES: Final = Check(
    name="max-event-bytes",
    severity="error",
    finds="`MAX_EVENT_BYTES` above half of `QUEUE_BYTES` or `JOURNAL_MAX_BYTES`, which is what one topic may hold: such an "
    "event never gets a place.",
    next_step="Lower KAFKA_EVENTS_MAX_EVENT_BYTES, or raise the other to at least twice of it.",
)
BLOCK_SECONDS: Final = Check(
    name="block-seconds",
    severity="warning",
    finds="`BLOCK_SECONDS` so long that the server aborts a worker that waits in a full queue (gunicorn: after 30 s, if not "
    "told otherwise); or set although `ON_FULL` isn't `block`.",
    next_step="Lower KAFKA_EVENTS_BLOCK_SECONDS below the server's time-out.",
)
CLOSE_SECONDS: Final = Check(
    name="close-seconds",
    severity="warning",
    finds="`CLOSE_SECONDS` of 0, which drops what waits in memory as the process ends; or so long that who ends the process "
    "kills it first: `docker stop` after 10 s, gunicorn and Kubernetes after 30 s, if not told otherwise.",
    next_step="Set KAFKA_EVENTS_CLOSE_SECONDS to some seconds, and below what the server and its supervisor give.",
)
UNKNOWN_TOPIC: Final = Check(
    name="unknown-topic-seconds",
    severity="warning",
    finds="`UNKNOWN_TOPIC_SECONDS` below 10: a new topic, or one that moves, is unknown to some brokers for a moment, and "
    "its events would be given up.",
    next_step="Raise KAFKA_EVENTS_UNKNOWN_TOPIC_SECONDS; its default is 600.",
)
LINGER: Final = Check(
    name="linger",
    severity="warning",
    finds="`linger.ms` above a second, or above `CLOSE_SECONDS`: an event waits so long for company, the second one of a "
    "key for the first one's too, and a killed process loses what waits in memory.",
    next_step="Lower linger.ms in KAFKA_EVENTS_PRODUCER; 5 to 100 is usual.",
)
RECONNECT: Final = Check(
    name="reconnect-backoff",
    severity="warning",
    finds="`reconnect.backoff.max.ms` above a minute: so long nothing is sent after an outage is over.",
    next_step="Lower reconnect.backoff.max.ms in KAFKA_EVENTS_PRODUCER; its default is 10000.",
)
METADATA: Final = Check(
    name="metadata-refresh",
    severity="warning",
    finds="`topic.metadata.refresh.interval.ms` switched off, or above `metadata.max.age.ms`: what is known of a topic is "
    "forgotten before it is asked for again, or new partitions are never seen.",
    next_step="Leave both out of KAFKA_EVENTS_PRODUCER, or keep metadata.max.age.ms at three times the other.",
)

CHECKS: Final = (
    NO_BROKER,
    EMBEDDED_BROKER,
    STRICT,
    EVENT_BYTES,
    BLOCK_SECONDS,
    CLOSE_SECONDS,
    UNKNOWN_TOPIC,
    LINGER,
    RECONNECT,
    METADATA,
)

_DOCKER_SECONDS: Final = 10
_UNKNOWN_SECONDS: Final = 10
_LINGER_MS: Final = 1_000
_RECONNECT_MS: Final = 60_000
_REFRESH_MS: Final = 300_000  # librdkafka's defaults
_MAX_AGE_MS: Final = 900_000


def check_settings(app: Flask, settings: Settings, serving: Serving) -> Iterator[Finding]:
    """What the settings say against each other, and against the server."""
    yield from _broker(app, settings)
    yield from _sizes(settings)
    yield from _blocking(settings, serving)
    yield from _closing(settings, serving)
    yield from _waiting(settings)


def _broker(app: Flask, settings: Settings) -> Iterator[Finding]:
    where, is_live = "KAFKA_EVENTS_BOOTSTRAP_SERVERS", not (app.debug or app.testing)
    if settings.bootstrap_servers is None and settings.enabled:
        yield NO_BROKER.found("No broker is named.", where=where)
    if settings.bootstrap_servers == EMBEDDED and is_live:
        yield EMBEDDED_BROKER.found("Events go to the embedded broker, which keeps nothing.", where=where)
    if settings.strict and is_live:
        problem = "A mistake in an event is the client's status 500, in production too."
        yield STRICT.found(problem, where="KAFKA_EVENTS_STRICT")


def _sizes(settings: Settings) -> Iterator[Finding]:
    limits = {"QUEUE_BYTES": settings.queue_bytes}
    if settings.journal is not None:
        limits["JOURNAL_MAX_BYTES"] = settings.journal_max_bytes
    for name, limit in limits.items():
        if settings.max_event_bytes > limit // 2:
            yield EVENT_BYTES.found(
                f"An event may have {settings.max_event_bytes} bytes, and all events of a topic {limit // 2}: half of {name}.",
                where=f"KAFKA_EVENTS_MAX_EVENT_BYTES, KAFKA_EVENTS_{name}",
            )


def _blocking(settings: Settings, serving: Serving) -> Iterator[Finding]:
    where, seconds = "KAFKA_EVENTS_BLOCK_SECONDS", settings.block_seconds
    limit = serving.request_seconds
    if settings.on_full != "block" and seconds != Settings().block_seconds:
        yield BLOCK_SECONDS.found(
            f"It is set, and without effect: KAFKA_EVENTS_ON_FULL is {settings.on_full!r}.",
            where=where,
            severity="note",
            next_step='Leave it out, or set KAFKA_EVENTS_ON_FULL to "block".',
        )
    elif settings.on_full == "block" and seconds >= limit:
        problem = f"An emit may wait {seconds:g} s in a full queue, and the server aborts a worker after {limit:g} s."
        yield BLOCK_SECONDS.found(problem, where=where)


def _closing(settings: Settings, serving: Serving) -> Iterator[Finding]:
    where, seconds = "KAFKA_EVENTS_CLOSE_SECONDS", settings.close_seconds
    limit = serving.graceful_seconds
    if seconds == 0 and settings.journal is None:
        yield CLOSE_SECONDS.found("What waits in memory is dropped as the process ends.", where=where)
    elif seconds >= limit:
        problem = f"The end of the process may take {seconds:g} s, and the server kills it after {limit:g} s."
        yield CLOSE_SECONDS.found(problem, where=where)
    elif seconds >= _DOCKER_SECONDS:
        problem = (
            f"The end of the process may take {seconds:g} s; `docker stop` kills after {_DOCKER_SECONDS} s."
        )
        step = "Give the container more time (`stop_grace_period`), or lower it."
        yield CLOSE_SECONDS.found(problem, where=where, severity="note", next_step=step)


def _waiting(settings: Settings) -> Iterator[Finding]:
    where = "KAFKA_EVENTS_PRODUCER"
    if settings.unknown_topic_seconds < _UNKNOWN_SECONDS:
        problem = f"Events for a topic that a broker doesn't know yet are given up after {settings.unknown_topic_seconds:g} s."
        yield UNKNOWN_TOPIC.found(problem, where="KAFKA_EVENTS_UNKNOWN_TOPIC_SECONDS")
    linger = settings.producer.number("linger.ms", 5)
    if linger > min(_LINGER_MS, settings.close_seconds * 1000 or _LINGER_MS):
        yield LINGER.found(
            f"linger.ms is {linger:g}: an event may wait so long before it is sent.", where=where
        )
    backoff = settings.producer.number("reconnect.backoff.max.ms", 0)
    if backoff > _RECONNECT_MS:
        problem = f"reconnect.backoff.max.ms is {backoff:g}: so long nothing is sent after an outage."
        yield RECONNECT.found(problem, where=where)
    refresh = settings.producer.number("topic.metadata.refresh.interval.ms", _REFRESH_MS)
    age = settings.producer.number("metadata.max.age.ms", max(_MAX_AGE_MS, 3 * refresh))
    if refresh < 0 or age < refresh:
        problem = f"topic.metadata.refresh.interval.ms is {refresh:g}, metadata.max.age.ms {age:g}."
        yield METADATA.found(problem, where=where)
