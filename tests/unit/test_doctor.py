"""`flask kafka-events doctor` names the fault in each broken app, and nothing in a good one."""

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import emit_event
from tests.unit.diagnosis import diagnosed, found, good_app, said

#: The name of each app's fault, the setting or function that the finding must name, and what makes the app.
BROKEN: list[tuple[str, str, Callable[[], Flask]]] = []


def broken(check: str, named: str) -> Callable[[Callable[[], Flask]], Callable[[], Flask]]:
    """Add an app to `BROKEN`."""

    def add(make: Callable[[], Flask]) -> Callable[[], Flask]:
        BROKEN.append((check, named, make))
        return make

    return add


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """As flask-login's, which redirects who isn't logged in."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return guarded


@broken("settings", "KAFKA_EVENTS_TOPIC")
def mistyped_setting() -> Flask:
    """Someone wrote TOPICS."""
    return good_app(TOPICS="shop_events")


@broken("settings", "KAFKA_EVENTS_QUEUE_EVENTS")
def setting_of_the_wrong_type() -> Flask:
    """Someone quoted a number."""
    return good_app(QUEUE_EVENTS="1000")


@broken("settings", "'acks'")
def acks_overridden() -> Flask:
    """An acknowledged event would be lost with one broker."""
    return good_app(PRODUCER={"acks": 1})


@broken("settings", "'enable.idempotence'")
def idempotence_overridden() -> Flask:
    """A retry would double events."""
    return good_app(PRODUCER={"enable.idempotence": False})


@broken("settings", "Did you mean 'linger.ms'?")
def mistyped_property() -> Flask:
    """No such property in librdkafka."""
    return good_app(PRODUCER={"linger.msec": 5})


@broken("settings", "Did you mean 'sasl.username'?")
def mistyped_name_of_the_user() -> Flask:
    """It is one that has no default, which librdkafka itself wouldn't tell."""
    return good_app(PRODUCER={"sasl.usrname": "app"})


@broken("settings", "without parentheses")
def decorator_without_parentheses() -> Flask:
    """The app's module can't be imported."""
    app = good_app()
    emit_event(lambda: "sold")  # type: ignore[arg-type]  # the mistake
    return app


@broken("extension", "'bare'")
def no_extension() -> Flask:
    """Someone forgot init_app."""
    return Flask("bare")


@broken("decorator-above-route", "@emit_event('sold')")
def decorator_above_route() -> Flask:
    """Flask has registered the function below."""
    app = good_app()

    @emit_event("sold")
    @app.post("/sell")
    def sell() -> str:
        return "sold"

    return app


@broken(
    "decorator-above-wrapper",
    "guarded" if not hasattr(good_app.__code__, "co_qualname") else "login_required",
)
def decorator_above_login() -> Flask:
    """A redirect to the login would be a sale."""
    app = good_app()

    @app.post("/sell")
    @emit_event("sold")
    @login_required
    def sell() -> str:
        return "sold"

    return app


@broken("route-never-emits", "HEAD")
def only_head() -> Flask:
    """HEAD emits nothing."""
    app = good_app()
    app.route("/seen", methods=["HEAD"])(emit_event("seen")(lambda: "seen"))
    return app


@broken("event-switched-off", "'bought'")
def switched_off() -> Flask:
    """The event is never sent."""
    return good_app(TYPES={"bought": {"enabled": False}})


@broken("event-switched-off", "KAFKA_EVENTS_ENABLED")
def all_switched_off() -> Flask:
    """Nothing is sent, so that neither a broker nor a topic is missing."""
    return good_app(ENABLED=False, BOOTSTRAP_SERVERS=None, TOPIC=None)


@broken("topic-not-named", "'http.request'")
def no_topic_for_requests() -> Flask:
    """Each request emits, and nothing says where to."""
    return good_app(TOPIC=None, TYPES={"bought": {"topic": "sales"}}, REQUESTS=True)


@broken("topic-not-named", "'bought'")
def no_topic() -> Flask:
    """Neither the code nor the settings name one."""
    return good_app(TOPIC=None)


@broken("key-redacted", "'player'")
def redacted_key() -> Flask:
    """The key's value may not leave the process."""
    return good_app(REDACT=["play*"])


@broken("type-rule-unused", "'bougth'")
def mistyped_type() -> Flask:
    """The rule holds for no event."""
    return good_app(TYPES={"bougth": {"topic": "sales"}})


@broken("request-rule-unused", "'shop.*'")
def mistyped_glob() -> Flask:
    """No blueprint is called so."""
    return good_app(REQUESTS={"include": ["buy"], "exclude": ["shop.*"]})


@broken("bootstrap-servers", "KAFKA_EVENTS_BOOTSTRAP_SERVERS")
def no_broker() -> Flask:
    """Every event would wait for ever."""
    return good_app(BOOTSTRAP_SERVERS=None)


@broken("embedded-broker", "KAFKA_EVENTS_BOOTSTRAP_SERVERS")
def embedded_broker() -> Flask:
    """It keeps nothing."""
    return good_app(BOOTSTRAP_SERVERS="embedded")


@broken("strict", "KAFKA_EVENTS_STRICT")
def strict_in_production() -> Flask:
    """A mistake in an event is the client's 500."""
    return good_app(STRICT=True)


@broken("max-event-bytes", "KAFKA_EVENTS_QUEUE_BYTES")
def event_larger_than_the_queue() -> Flask:
    """It would never get a place."""
    return good_app(QUEUE_BYTES=1_000_000)


@broken("block-seconds", "KAFKA_EVENTS_BLOCK_SECONDS")
def blocks_too_long() -> Flask:
    """Gunicorn would abort the worker."""
    return good_app(ON_FULL="block", BLOCK_SECONDS=60)


@broken("block-seconds", "without effect")
def blocks_never() -> Flask:
    """ON_FULL was forgotten."""
    return good_app(BLOCK_SECONDS=2)


@broken("close-seconds", "kills it after 30 s")
def closes_too_long() -> Flask:
    """Gunicorn would kill the worker."""
    return good_app(CLOSE_SECONDS=60)


@broken("close-seconds", "docker stop")
def closes_too_long_for_docker() -> Flask:
    """So would Docker."""
    return good_app(CLOSE_SECONDS=15)


@broken("close-seconds", "dropped")
def closes_at_once() -> Flask:
    """What waits in memory is gone."""
    return good_app(CLOSE_SECONDS=0)


@broken("unknown-topic-seconds", "KAFKA_EVENTS_UNKNOWN_TOPIC_SECONDS")
def gives_up_soon() -> Flask:
    """A topic that moves is unknown for a moment."""
    return good_app(UNKNOWN_TOPIC_SECONDS=1)


@broken("linger", "linger.ms is 7000")
def lingers_long() -> Flask:
    """Longer than the end of the process waits."""
    return good_app(PRODUCER={"linger.ms": 7000})


@broken("reconnect-backoff", "reconnect.backoff.max.ms")
def reconnects_late() -> Flask:
    """Ten minutes after an outage nothing is sent."""
    return good_app(PRODUCER={"reconnect.backoff.max.ms": 600_000})


@broken("metadata-refresh", "metadata.max.age.ms")
def forgets_early() -> Flask:
    """What is known is forgotten before it is asked for again."""
    return good_app(PRODUCER={"metadata.max.age.ms": 10_000})


@broken("producer", "ssl.ca.location")
def no_certificate() -> Flask:
    """The file isn't there."""
    return good_app(PRODUCER={"security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.pem"})


@broken("producer", "reconnect.backoff")
def properties_contradict() -> Flask:
    """Librdkafka takes each, and refuses both."""
    return good_app(PRODUCER={"reconnect.backoff.ms": 20_000, "reconnect.backoff.max.ms": 10_000})


@broken("credentials-unused", "security.protocol")
def password_for_nobody() -> Flask:
    """The protocol was forgotten."""
    return good_app(PRODUCER={"sasl.username": "app", "sasl.password": "c4nary"})


@broken("credentials-missing", "sasl.password")
def no_password() -> Flask:
    """The broker would ask for one."""
    return good_app(
        PRODUCER={"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "app"}
    )


@broken("password-in-clear", "network")
def password_in_clear() -> Flask:
    """Anybody on the way reads it."""
    return good_app(
        PRODUCER={"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"},
        CREDENTIALS=lambda: ("app", "c4nary"),
    )


@broken("certificate-unverified", "enable.ssl.certificate.verification")
def certificate_unverified() -> Flask:
    """Anybody may pose as the broker."""
    return good_app(PRODUCER={"security.protocol": "ssl", "enable.ssl.certificate.verification": False})


@broken("memory", "KAFKA_EVENTS_QUEUE_BYTES")
def queue_larger_than_memory() -> Flask:
    """An outage would end in the kernel's killer."""
    return good_app(QUEUE_BYTES=2**40)


@broken("client-before-fork", "made a Kafka client")
def client_at_import() -> Flask:
    """Librdkafka's threads don't survive gunicorn's fork."""
    app = good_app()
    app.extensions["own"] = Producer({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})
    return app


@pytest.mark.parametrize(("check", "named", "make"), BROKEN, ids=[make.__name__ for _, _, make in BROKEN])
def test_doctor_names_the_fault_of_a_broken_app(check: str, named: str, make: Callable[[], Flask]) -> None:
    """Its one finding is the check's for that fault, names what is to be corrected, and tells no secret."""
    report = diagnosed(make, "--offline")
    (finding,) = report["findings"]
    assert finding["check"] == check
    assert named in " ".join(finding.values())
    assert all(finding.values())
    text = said(make, "--offline", status=1 if report["errors"] else 0)
    assert check in text
    assert "c4nary" not in text + json.dumps(report)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"BOOTSTRAP_SERVERS": "embedded", "STRICT": True},
        {"JOURNAL_MAX_BYTES": 8_000_000, "CLOSE_SECONDS": 0, "TYPES": {"*": {"topic": "sales"}, "emitted": {}}},
        {"REQUESTS": {"include": ["b*"]}, "ON_FULL": "block", "PRODUCER": {"linger.ms": "0x10"}},
        {
            "PRODUCER": {"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "app",
                         "sasl.password": "secret"},
        },
        {"PRODUCER": {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": lambda _: None}},
    ],
    ids=["bare", "testing", "journal", "requests", "sasl", "oauth"],
)  # fmt: skip
def test_doctor_finds_nothing_in_a_good_app(settings: dict[str, Any], tmp_path: Path) -> None:
    """No error, no warning, no note; status 0, with --strict too."""

    def make() -> Flask:
        if "JOURNAL_MAX_BYTES" in settings:
            settings["JOURNAL"] = str(tmp_path / "journal")
        app = good_app(**settings)
        app.testing = "STRICT" in settings
        return app

    assert found(make, "--offline") == []
    assert said(make, "--offline", "--strict").endswith("Nothing is wrong. The broker was not asked.\n")
    assert not (tmp_path / "journal").exists()
