"""Settings are read once from a Flask config."""

import functools
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask

from flask_kafka_events.producer_properties import ProducerProperties
from flask_kafka_events.request_rules import RequestRules
from flask_kafka_events.settings import Settings, default_source, read_settings
from flask_kafka_events.type_rules import TypeRule, TypeRules


def credentials() -> tuple[str, str]:
    """A user's function."""
    return "ana", "geheim"


def read(**settings: object) -> Settings:
    """Read these settings, without their prefix, as those of the app `shop`."""
    return read_settings({f"KAFKA_EVENTS_{name}": value for name, value in settings.items()}, "shop")


def from_environment(monkeypatch: pytest.MonkeyPatch, lines: Mapping[str, str]) -> Settings:
    """Read the settings that Flask itself makes of these environment variables."""
    for name, value in lines.items():
        monkeypatch.setenv(f"FLASK_KAFKA_EVENTS_{name}", value)
    app = Flask("shop")
    app.config.from_prefixed_env()
    return read_settings(app.config, app.name)


def test_no_setting_gives_the_defaults() -> None:
    """A config without any setting of ours gives every default."""
    expected: dict[str, object] = {
        "bootstrap_servers": None, "topic": None, "source": "/shop", "format": "cloudevents",
        "producer": ProducerProperties(), "credentials": None, "types": TypeRules(), "requests": RequestRules(),
        "capture": frozenset(), "userid": None, "idempotency": None, "redact": (), "journal": None,
        "journal_max_bytes": 1_073_741_824, "journal_sync": "process", "queue_events": 100_000,
        "queue_bytes": 268_435_456, "on_full": "drop", "block_seconds": 0.5, "close_seconds": 5.0,
        "unknown_topic_seconds": 600.0, "max_event_bytes": 1_000_000, "handle_sigterm": True, "strict": None,
        "enabled": True,
    }  # fmt: skip
    settings = read_settings({"DEBUG": True, "KAFKA_TOPIC": 1, 3: 4}, "shop")  # type: ignore[dict-item]
    assert {each.name: getattr(settings, each.name) for each in fields(settings)} == expected


def test_each_setting_is_read() -> None:
    """Each setting's value is the field of its name in small letters."""
    settings = read(
        BOOTSTRAP_SERVERS="a:9092, b:9092", TOPIC="loot", SOURCE="urn:shop", FORMAT="plain",
        PRODUCER={"linger_ms": 20}, CREDENTIALS=credentials, TYPES={"a": {"topic": "b"}}, REQUESTS={"sample": 0.5},
        CAPTURE=["clientip", "httppath"], USERID=credentials, IDEMPOTENCY=credentials, REDACT=["password", "*_token"],
        JOURNAL="/var/lib/shop", JOURNAL_MAX_BYTES=65_536, JOURNAL_SYNC="power", QUEUE_EVENTS=2, QUEUE_BYTES=1024, ON_FULL="block", BLOCK_SECONDS=1, CLOSE_SECONDS=0,
        UNKNOWN_TOPIC_SECONDS=30.5, MAX_EVENT_BYTES=1024, HANDLE_SIGTERM=False, STRICT=True, ENABLED=False,
    )  # fmt: skip
    assert settings == Settings(
        bootstrap_servers="a:9092,b:9092", topic="loot", source="urn:shop", format="plain",
        producer=ProducerProperties({"linger.ms": 20}), credentials=credentials,
        types=TypeRules(rules=(("a", TypeRule(topic="b")),)), requests=RequestRules(enabled=True, sample=0.5),
        capture=frozenset({"clientip", "httppath"}), userid=credentials, idempotency=credentials,
        redact=("password", "*_token"), journal=Path("/var/lib/shop"), journal_max_bytes=65_536,
        journal_sync="power", queue_events=2, queue_bytes=1024, on_full="block", block_seconds=1.0,
        close_seconds=0.0, unknown_topic_seconds=30.5, max_event_bytes=1024, handle_sigterm=False, strict=True,
        enabled=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("servers", "read_as"),
    [
        ("embedded", "embedded"),
        (["embedded"], "embedded"),
        (["a:1", "b:2"], "a:1,b:2"),
        (("a:1", "b:2,c:3"), "a:1,b:2,c:3"),
        (" a:1 ,b-c.example:2", "a:1,b-c.example:2"),
        ("[::1]:9092", "[::1]:9092"),
        (None, None),
    ],
)
def test_servers_are_a_text_or_a_list(servers: object, read_as: str | None) -> None:
    """Brokers may be one text with commas or a list, with blanks around each; None is what is not set."""
    assert read(BOOTSTRAP_SERVERS=servers).bootstrap_servers == read_as


@pytest.mark.parametrize("name", ["TOPIC", "CREDENTIALS", "USERID", "IDEMPOTENCY", "STRICT"])
def test_none_is_not_set(name: str) -> None:
    """None for a setting without a default is the same as leaving it out."""
    assert read(**{name: None}) == read()


@pytest.mark.parametrize(
    ("app_name", "source"), [("shop", "/shop"), ("my shop/é", "/my%20shop%2F%C3%A9"), ("", "/"), ("\udcff", "/%ED%B3%BF")]
)  # fmt: skip
def test_source_comes_from_the_apps_name(app_name: str, source: str) -> None:
    """Without a source of its own an app's is a slash and its percent-encoded name."""
    assert default_source(app_name) == source
    assert read_settings({}, app_name).source == source


def test_lists_may_be_sets() -> None:
    """A set's texts are read in alphabetical order."""
    assert read(REDACT={"b", "a"}).redact == ("a", "b")
    assert read(REDACT=frozenset({"b", "a"})).redact == ("a", "b")


def test_waiting_time_without_blocking_is_no_error() -> None:
    """BLOCK_SECONDS may be given although nothing blocks."""
    assert read(ON_FULL="drop", BLOCK_SECONDS=2).block_seconds == 2.0


def test_repr_has_no_secret() -> None:
    """Neither properties nor functions with bound secrets show them in the repr."""
    bound = functools.partial(print, "geheim-bound")
    settings = read(PRODUCER={"sasl_password": "geheim-1", "client.id": "geheim-2"}, CREDENTIALS=bound,
                    USERID=bound, IDEMPOTENCY=bound)  # fmt: skip
    assert "geheim" not in repr(settings)
    assert "producer=ProducerProperties(sasl.password, client.id)" in repr(settings)


def test_settings_are_values() -> None:
    """Settings of equal configs are equal, have the same hash, and can't be changed."""
    one, other = read(TOPIC="loot", PRODUCER={"acks": "all"}), read(TOPIC="loot", PRODUCER={"acks": "all"})
    assert (one, hash(one)) == (other, hash(other))
    with pytest.raises(AttributeError):
        one.topic = "other"  # type: ignore[misc]


def test_every_setting_says_what_it_means() -> None:
    """Each field has its meaning, and those that count something their unit."""
    assert all(each.metadata["doc"].endswith(".") for each in fields(Settings))
    units = {each.name: each.metadata["unit"] for each in fields(Settings) if each.metadata["unit"]}
    assert units == {
        "journal_max_bytes": "bytes", "queue_events": "events", "queue_bytes": "bytes", "max_event_bytes": "bytes", "block_seconds": "seconds",
        "close_seconds": "seconds", "unknown_topic_seconds": "seconds",
    }  # fmt: skip


def test_flask_reads_them_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Flask makes of environment variables is read: JSON, bare words, and mappings by two underscores."""
    lines = {
        "BOOTSTRAP_SERVERS": "broker:9092", "TOPIC": '"2024"', "ENABLED": "false", "CLOSE_SECONDS": "2",
        "CAPTURE": '["clientip"]', "PRODUCER__sasl_password": '"1e5"', "PRODUCER__log_level": "3",
        "TYPES__purchased_sword__topic": "loot", "REQUESTS__sample": "0.25", "STRICT": "null",
    }  # fmt: skip
    settings = from_environment(monkeypatch, lines)
    assert settings == read(
        BOOTSTRAP_SERVERS="broker:9092", TOPIC="2024", ENABLED=False, CLOSE_SECONDS=2.0, CAPTURE=["clientip"],
        PRODUCER={"sasl.password": "1e5", "log_level": 3}, TYPES={"purchased_sword": {"topic": "loot"}},
        REQUESTS={"sample": 0.25},
    )  # fmt: skip


def test_flask_reads_whole_mappings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping with names that no shell exports can be given as JSON."""
    types = {"purchased_*": {"topic": "2024"}}
    assert from_environment(monkeypatch, {"TYPES": json.dumps(types)}) == read(TYPES=types)
