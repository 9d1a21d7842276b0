"""Credentials that nobody uses or anybody can read, and certificates that nobody checks."""

from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaException, Producer

from flask_kafka_events.delivery.connection import ProducerFactory
from flask_kafka_events.delivery.topics import Silence
from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.masking import scrub
from flask_kafka_events.producer_properties import librdkafka_config
from flask_kafka_events.settings import Settings

PRODUCER: Final = Check(
    name="producer",
    severity="error",
    finds="Properties of librdkafka that are right one by one and don't go together, or a certificate file that can't be "
    "read: no producer can be built.",
    next_step="Correct KAFKA_EVENTS_PRODUCER; librdkafka's CONFIGURATION.md has all names and values.",
)
UNUSED: Final = Check(
    name="credentials-unused",
    severity="warning",
    finds="A user, a password or a mechanism while `security.protocol` has no SASL: they are never shown to the broker.",
    next_step="Set security.protocol in KAFKA_EVENTS_PRODUCER to sasl_ssl, or leave them out.",
)
MISSING: Final = Check(
    name="credentials-missing",
    severity="error",
    finds="SASL by password without a user or a password.",
    next_step="Set sasl.username and sasl.password_FILE in KAFKA_EVENTS_PRODUCER, or KAFKA_EVENTS_CREDENTIALS.",
)
IN_CLEAR: Final = Check(
    name="password-in-clear",
    severity="warning",
    finds="The mechanism PLAIN without TLS: who can see the network reads the password.",
    next_step="Set security.protocol to sasl_ssl, or sasl.mechanism to SCRAM-SHA-512.",
)
UNVERIFIED: Final = Check(
    name="certificate-unverified",
    severity="warning",
    finds="TLS that doesn't check the broker's certificate or the host name in it: anybody may pose as the broker.",
    next_step="Name the authority in ssl.ca.location, and leave both out of KAFKA_EVENTS_PRODUCER.",
)

CHECKS: Final = (PRODUCER, UNUSED, MISSING, IN_CLEAR, UNVERIFIED)

_WHERE: Final = "KAFKA_EVENTS_PRODUCER"
_FALSE: Final = frozenset({"false", "f", "0"})
# librdkafka's default for a SASL protocol is GSSAPI, which has a ticket and no password.
_BY_PASSWORD: Final = frozenset({"plain", "scram-sha-256", "scram-sha-512"})
_NAMES: Final = ("sasl.username", "sasl.password")


def check_security(settings: Settings, factory: ProducerFactory) -> Iterator[Finding]:
    """What is wrong with the way to the broker, before anybody goes it."""
    yield from _producer(settings, factory)
    yield from _passwords(settings)
    unsafe = [
        name
        for name, values in (
            ("enable.ssl.certificate.verification", _FALSE),
            ("ssl.endpoint.identification.algorithm", frozenset({"none"})),
        )
        if _text(settings, name) in values
    ]
    for name in unsafe:
        yield UNVERIFIED.found(f"{name} is {_text(settings, name)}.", where=_WHERE)


def _producer(settings: Settings, factory: ProducerFactory) -> Iterator[Finding]:
    # An own factory may take properties of its own; one that asks for a token waits 10 s for it.
    if factory is not Producer or "oauth_cb" in settings.producer:
        return
    try:
        Producer({**_placeholders(settings), **librdkafka_config(settings)}, logger=Silence())
    except KafkaException as error:
        text = scrub(error.args[0].str(), settings.producer.secret_values())
        yield PRODUCER.found(f"librdkafka builds no producer: {text.strip()}.", where=_WHERE)


def _placeholders(settings: Settings) -> dict[str, str]:
    """User and password, where they come later or another check tells that they are missing."""
    return dict.fromkeys(_NAMES, "-") if _is_by_password(settings) else {}


def _passwords(settings: Settings) -> Iterator[Finding]:
    protocol, mechanism = _text(settings, "security.protocol"), _text(settings, "sasl.mechanism")
    given = {name for name in settings.producer if name.startswith("sasl.")}
    if settings.credentials is not None:
        given.update(_NAMES)
    if given and not protocol.startswith("sasl_"):
        problem = "Credentials are set, and security.protocol is one without SASL, which shows none."
        yield UNUSED.found(problem, where=_WHERE)
    lacking = [name for name in _NAMES if name not in given]
    if lacking and _is_by_password(settings):
        yield MISSING.found(f"{mechanism} needs {' and '.join(lacking)} too.", where=_WHERE)
    if (protocol, mechanism) == ("sasl_plaintext", "plain"):
        yield IN_CLEAR.found("The password goes over the network as it is.", where=_WHERE)


def _is_by_password(settings: Settings) -> bool:
    is_sasl = _text(settings, "security.protocol").startswith("sasl_")
    return is_sasl and _text(settings, "sasl.mechanism") in _BY_PASSWORD


def _text(settings: Settings, name: str) -> str:
    return str(settings.producer.get(name, "")).lower()
