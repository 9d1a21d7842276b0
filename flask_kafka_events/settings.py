"""Every setting `KAFKA_EVENTS_...`: its type, default, unit and meaning, read once and checked."""

# ruff: noqa: RUF009  # _setting gives a dataclasses.field

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from flask_kafka_events.broker_addresses import read_broker_addresses
from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.journal_rules import read_journal_directory
from flask_kafka_events.producer_properties import ProducerProperties, read_producer_properties
from flask_kafka_events.request_rules import RequestRules, read_request_rules
from flask_kafka_events.setting_values import (
    Place,
    Reader,
    choice,
    function,
    nearest,
    number,
    optional,
    switch,
    text,
    texts,
    whole_number,
    wrong,
)
from flask_kafka_events.type_rules import TypeRules, read_type_rules, topic
from flask_kafka_events.uri_references import is_uri_reference

PREFIX = "KAFKA_EVENTS_"
FORMAT_NAMES = ("cloudevents", "cloudevents-binary", "plain")
CAPTURE_NAMES = ("httppath", "clientip", "useragent", "requestid")
ON_FULL_NAMES = ("drop", "block", "raise")
JOURNAL_SYNC_NAMES = ("process", "power")

T = TypeVar("T")


def _source(value: object, place: Place) -> str:
    source = text(value, place)
    if is_uri_reference(source):
        return source
    hint = "Percent-encode what these don't allow, a space as %20."
    raise wrong(place, "a URI or a path, as RFC 3986 writes them", value, hint=hint)


def _producer(value: object, place: Place) -> ProducerProperties:
    return read_producer_properties(value, place.app_name)


def _types(value: object, place: Place) -> TypeRules:
    return read_type_rules(value, place, FORMAT_NAMES)


def _capture(value: object, place: Place) -> frozenset[str]:
    name_of = choice(CAPTURE_NAMES)
    return frozenset(name_of(name, place) for name in texts("clientip")(value, place))


def _setting(read: Reader[T], doc: str, *, default: T, unit: str = "", shown: bool = True) -> T:
    return field(default=default, repr=shown, metadata={"read": read, "doc": doc, "unit": unit})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One app's settings: each is `KAFKA_EVENTS_` and its name in capitals in the app's config.

    Each field's metadata has `doc` (the meaning) and `unit`. No secret is in the `repr`.

    .. versionadded:: 0.1
    """

    bootstrap_servers: str | None = _setting(
        optional(read_broker_addresses),
        "The brokers to ask first, `HOST:PORT` with commas between, or a list of them. `embedded` is the development "
        "broker, which keeps nothing. Where it is missing, the first event tells.",
        default=None,
    )
    topic: str | None = _setting(
        optional(topic),
        "Where events go that name no topic: 1 to 249 of `a-z A-Z 0-9 . _ -`.",
        default=None,
    )
    source: str = _setting(
        _source,
        "The `source` of every event, a URI-reference that isn't empty. Without it `/` and the app's name.",
        default="/",
    )
    format: str = _setting(
        choice(FORMAT_NAMES),
        "How events are written: `cloudevents`, `cloudevents-binary` or `plain`.",
        default="cloudevents",
    )
    producer: ProducerProperties = _setting(
        _producer,
        "librdkafka's properties. In names underscores are read as dots; a name that ends in `_FILE` gives the path "
        "of a file with the value. What would break a guarantee is refused.",
        default=ProducerProperties(),
    )
    credentials: Callable[[], tuple[str, str]] | None = _setting(
        optional(function),
        "A function that gives user and password; asked at the start and after an authentication error.",
        default=None,
        shown=False,
    )
    types: TypeRules = _setting(
        _types,
        "For an event's type, or a glob of types: `topic`, `key` (a data field's name), `format`, `sample` (0 to 1) "
        "and `enabled`. An exact name goes before globs, globs in the order written.",
        default=TypeRules(),
    )
    requests: RequestRules = _setting(
        read_request_rules,
        "Whether each request emits `http.request`; or which do: `include` and `exclude` (lists of globs of "
        "endpoints) and `sample` (0 to 1).",
        default=RequestRules(),
    )
    capture: frozenset[str] = _setting(
        _capture,
        "What else of the request goes into events, a list of `httppath`, `clientip`, `useragent`, `requestid`.",
        default=frozenset(),
    )
    userid: Callable[..., Any] | None = _setting(
        optional(function),
        "A function that gives the user's id; with it events carry `userid`.",
        default=None,
        shown=False,
    )
    idempotency: Callable[..., Any] | None = _setting(
        optional(function),
        "A function that gives the caller's scope; with it a request with `Idempotency-Key` that is sent again gives "
        "its events the same ids.",
        default=None,
        shown=False,
    )
    redact: tuple[str, ...] = _setting(
        texts("password"),
        "Globs of names of data fields, at any depth, whose values never leave the process.",
        default=(),
    )
    journal: Path | None = _setting(
        optional(read_journal_directory),
        "A directory on a local disk, as an absolute path. With it each event is written there before the response "
        "leaves, and deleted when the broker has it. Each app gets a directory of its own in it.",
        default=None,
    )
    journal_max_bytes: int = _setting(
        whole_number(65_536, 2**44, 1_073_741_824),
        "How large the events may be, all together, that wait in a process's journal; then `ON_FULL` decides.",
        default=1024**3,
        unit="bytes",
    )
    journal_sync: str = _setting(
        choice(JOURNAL_SYNC_NAMES),
        "What a written event survives: `process` (kill -9) or `power` (a power loss too).",
        default="process",
    )
    queue_events: int = _setting(
        whole_number(2, 10_000_000, 100_000),
        "How many events may wait for the broker.",
        default=100_000,
        unit="events",
    )
    queue_bytes: int = _setting(
        whole_number(1024, 2**40, 268_435_456),
        "How large the events may be that wait for the broker, all together: keys, values and headers.",
        default=256 * 1024 * 1024,
        unit="bytes",
    )
    on_full: str = _setting(
        choice(ON_FULL_NAMES),
        "What an emit does when the queue is full: `drop`, `block` or `raise`.",
        default="drop",
    )
    block_seconds: float = _setting(
        number(0, 86_400, 0.5, zero=False),
        "How long an emit waits at most for a place in a full queue, where `ON_FULL` is `block`.",
        default=0.5,
        unit="seconds",
    )
    close_seconds: float = _setting(
        number(0, 86_400, 5),
        "How long the end of the process waits at most for events that the broker has not acknowledged.",
        default=5.0,
        unit="seconds",
    )
    unknown_topic_seconds: float = _setting(
        number(0, 3600, 600),
        "How long events for a topic that the brokers don't know wait for it before they fail.",
        default=600.0,
        unit="seconds",
    )
    max_event_bytes: int = _setting(
        whole_number(1024, 900_000_000, 1_000_000),
        "How large one event may be: key, value and headers.",
        default=1_000_000,
        unit="bytes",
    )
    handle_sigterm: bool = _setting(
        switch,
        "Whether SIGTERM sends what waits before it ends a process that has no handler of its own for it.",
        default=True,
    )
    strict: bool | None = _setting(
        optional(switch),
        "Whether a mistake in an event raises at its line. Not set: only while the app is in debug or testing mode; "
        "otherwise it is logged and counted.",
        default=None,
    )
    enabled: bool = _setting(
        switch,
        "Whether events are sent at all.",
        default=True,
    )


def default_source(app_name: str) -> str:
    """The `source` of an app that sets none: `/` and its name, percent-encoded."""
    return "/" + quote(app_name, safe="", errors="surrogatepass")


def read_settings(config: Mapping[str, Any], app_name: str) -> Settings:
    """Read and check every key of a Flask config that begins with `KAFKA_EVENTS_`.

    Args:
        config: the app's config; other keys are passed over.
        app_name: the app's name, for errors and the default of `source`.

    Raises:
        ConfigurationError: the first setting that is unknown, of the wrong type or against a guarantee. It says
            which, what is wanted, and how an environment variable must be written.

    .. versionadded:: 0.1
    """
    known = {each.name.upper(): each for each in fields(Settings)}
    read: dict[str, Any] = {"source": default_source(app_name)}
    for key, value in config.items():
        if not str(key).startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX)
        if name not in known:
            hint = nearest(name.upper().partition("__")[0], known, prefix=PREFIX)
            raise ConfigurationError(f"Unknown setting {key} of app {app_name!r}. {hint}")
        setting = known[name]
        read[setting.name] = setting.metadata["read"](value, Place(app_name=app_name, setting=key))
    return Settings(**read)
