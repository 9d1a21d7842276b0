"""A setting that can't hold is told: which, of what app, what was wanted, and how the environment writes it."""

import shlex

import pytest
from flask import Flask

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.settings import read_settings

NUMBERS = "0123456789" * 7
KNOWN = (
    "BOOTSTRAP_SERVERS TOPIC SOURCE FORMAT PRODUCER CREDENTIALS TYPES REQUESTS CAPTURE USERID IDEMPOTENCY REDACT "
    "JOURNAL JOURNAL_MAX_BYTES JOURNAL_SYNC QUEUE_EVENTS QUEUE_BYTES ON_FULL BLOCK_SECONDS CLOSE_SECONDS UNKNOWN_TOPIC_SECONDS MAX_EVENT_BYTES "
    "HANDLE_SIGTERM STRICT ENABLED"
)
FORMATS = "one of 'cloudevents', 'cloudevents-binary', 'plain'"
CAPTURES = "one of 'httppath', 'clientip', 'useragent', 'requestid'"
FUNCTION = "It can't come from the environment: set it in Python."


def refusal(name: str, value: object) -> str:
    """The message that refuses this value of this setting."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({f"KAFKA_EVENTS_{name}": value}, "shop")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TOPPIC", "Did you mean KAFKA_EVENTS_TOPIC?"),
        ("topic", "Did you mean KAFKA_EVENTS_TOPIC?"),
        ("QUEUE_EVENT", "Did you mean KAFKA_EVENTS_QUEUE_EVENTS?"),
        ("PRODUCER__sasl_password", "Did you mean KAFKA_EVENTS_PRODUCER?"),
        ("XYZZY", f"Known are {', '.join('KAFKA_EVENTS_' + name for name in KNOWN.split())}."),
    ],
)
def test_unknown_setting_names_the_nearest(name: str, hint: str) -> None:
    """A setting that doesn't exist is refused with the name most like it, or with all names."""
    assert refusal(name, "x") == f"Unknown setting KAFKA_EVENTS_{name} of app 'shop'. {hint}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BOOTSTRAP_SERVERS", 9092, """must be text, got 9092 (int). From the environment quote it: FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS='"9092"'"""),
        ("BOOTSTRAP_SERVERS", [], "is empty. Leave it out, or give it a value."),
        ("BOOTSTRAP_SERVERS", ["a:1", 2], "must be a list of texts that aren't empty, got one that holds 2 (int)."),
        ("TOPIC", 2024, """must be text, got 2024 (int). From the environment quote it: FLASK_KAFKA_EVENTS_TOPIC='"2024"'"""),
        ("TOPIC", True, """must be text, got True (bool). From the environment quote it: FLASK_KAFKA_EVENTS_TOPIC='"true"'"""),
        ("TOPIC", 1.5, """must be text, got 1.5 (float). From the environment quote it: FLASK_KAFKA_EVENTS_TOPIC='"1.5"'"""),
        pytest.param("TOPIC", 10**5000, "must be text, got int.", id="int-that-python-does-not-print"),
        ("TOPIC", ["loot"], "must be text, got list."),
        ("TOPIC", "", "is empty. Leave it out, or give it a value."),
        ("SOURCE", None, "must be text, got None."),
        ("SOURCE", "my shop", "must be a URI or a path, as RFC 3986 writes them, got 'my shop' (str). Percent-encode what these don't allow, a space as %20."),
        ("FORMAT", "cloudevent", f"must be {FORMATS}, got 'cloudevent' (str). Did you mean 'cloudevents'?"),
        ("FORMAT", "avro", f"must be {FORMATS}, got 'avro' (str)."),
        ("FORMAT", None, f"must be {FORMATS}, got None."),
        ("PRODUCER", "sasl.password=geheim", """must be a mapping, got str. From the environment: FLASK_KAFKA_EVENTS_PRODUCER='{"name": "value"}'"""),
        ("PRODUCER", None, "must be a mapping, got NoneType."),
        ("CREDENTIALS", "ana:geheim", f"must be a function, got str. {FUNCTION}"),
        ("CREDENTIALS", ("ana", "geheim"), f"must be a function, got tuple. {FUNCTION}"),
        ("USERID", "shop:user", f"must be a function, got str. {FUNCTION}"),
        ("IDEMPOTENCY", True, f"must be a function, got bool. {FUNCTION}"),
        ("TYPES", ["a"], "must be a mapping, got list."),
        ("REQUESTS", None, "must be True, False or a mapping of 'include', 'exclude' and 'sample', got None."),
        ("CAPTURE", "clientip", """must be a list of texts, got 'clientip' (str). From the environment: FLASK_KAFKA_EVENTS_CAPTURE='["clientip"]'"""),
        ("CAPTURE", ["clientipp"], f"must be {CAPTURES}, got 'clientipp' (str). Did you mean 'clientip'?"),
        ("CAPTURE", ["cookies"], f"must be {CAPTURES}, got 'cookies' (str)."),
        ("CAPTURE", True, "must be a list of texts, got True (bool)."),
        ("REDACT", "pin", """must be a list of texts, got 'pin' (str). From the environment: FLASK_KAFKA_EVENTS_REDACT='["password"]'"""),
        ("REDACT", ["pin", ""], "must be a list of texts that aren't empty, got one that holds '' (str)."),
        ("QUEUE_EVENTS", 1, "must be a whole number from 2 to 10000000, got 1 (int)."),
        ("QUEUE_EVENTS", True, "must be a whole number from 2 to 10000000, got True (bool)."),
        ("QUEUE_EVENTS", "1_000", "must be a whole number from 2 to 10000000, got '1_000' (str). From the environment: FLASK_KAFKA_EVENTS_QUEUE_EVENTS=100000"),
        ("QUEUE_BYTES", 1e6, "must be a whole number from 1024 to 1099511627776, got 1000000.0 (float)."),
        ("MAX_EVENT_BYTES", 1023, "must be a whole number from 1024 to 900000000, got 1023 (int)."),
        ("ON_FULL", "Drop", "must be one of 'drop', 'block', 'raise', got 'Drop' (str). Did you mean 'drop'?"),
        ("BLOCK_SECONDS", 0, "must be a number above 0 and up to 86400, got 0 (int)."),
        ("BLOCK_SECONDS", float("nan"), "must be a number above 0 and up to 86400, got nan (float)."),
        ("CLOSE_SECONDS", float("inf"), "must be a number from 0 to 86400, got inf (float)."),
        ("CLOSE_SECONDS", False, "must be a number from 0 to 86400, got False (bool)."),
        ("CLOSE_SECONDS", "5s", "must be a number from 0 to 86400, got '5s' (str). From the environment: FLASK_KAFKA_EVENTS_CLOSE_SECONDS=5"),
        ("UNKNOWN_TOPIC_SECONDS", 3601, "must be a number from 0 to 3600, got 3601 (int)."),
        ("HANDLE_SIGTERM", "off", "must be True or False, got 'off' (str). Write False, and from the environment: FLASK_KAFKA_EVENTS_HANDLE_SIGTERM=false"),
        ("STRICT", 0, "must be True or False, got 0 (int). Write False, and from the environment: FLASK_KAFKA_EVENTS_STRICT=false"),
        ("ENABLED", "True", "must be True or False, got 'True' (str). Write True, and from the environment: FLASK_KAFKA_EVENTS_ENABLED=true"),
        ("ENABLED", None, "must be True or False, got None."),
        ("ENABLED", NUMBERS, f"must be True or False, got '{NUMBERS[:60]}'... (str). Write True, and from the environment: FLASK_KAFKA_EVENTS_ENABLED=true"),
    ],
)  # fmt: skip
def test_wrong_value_is_told(name: str, value: object, message: str) -> None:
    """A value of the wrong type or out of range is refused with what is wanted and how to write it."""
    assert refusal(name, value) == f"KAFKA_EVENTS_{name} of app 'shop' {message}"


@pytest.mark.parametrize(
    ("servers", "got"),
    [
        ("a:1,,b:2", ""), (",", ""), ("a:1 b:2", "a:1 b:2"), ("a\n:1", "a\n:1"), ("a\u200b:1", "a\u200b:1"),
        ("kafka://a:1", "kafka://a:1"), ("::1:9092", "::1:9092"),
    ],
)  # fmt: skip
def test_address_that_is_none_is_told(servers: str, got: str) -> None:
    """An empty address or one with a blank or an unseen character in it is refused and shown, each character seen."""
    wanted = "KAFKA_EVENTS_BOOTSTRAP_SERVERS of app 'shop' must be HOST:PORT, several with commas between, or \"embedded\", got "
    assert refusal("BOOTSTRAP_SERVERS", servers).startswith(f"{wanted}{got!r} (str).")
    assert refusal("BOOTSTRAP_SERVERS", "embeded") == f"{wanted}'embeded' (str). Did you mean 'embedded'?"


def test_missing_port_is_told() -> None:
    """A host alone gets the port that Kafka has by default, as an example."""
    for servers in ("localhost", "a:1,localhost"):
        said = refusal("BOOTSTRAP_SERVERS", servers)
        assert said.endswith("got 'localhost' (str). The port is missing: localhost:9092, for example.")


def test_address_with_a_password_is_not_shown() -> None:
    """What stands before an @ may be a secret."""
    assert refusal("BOOTSTRAP_SERVERS", "a:1,ana:hunter2@kafka:9092").endswith('"embedded", got str.')


def test_embedded_broker_stands_alone() -> None:
    """The embedded broker can't be one of several."""
    expected = "KAFKA_EVENTS_BOOTSTRAP_SERVERS of app 'shop' names \"embedded\" and other brokers. Name the one or the others."
    assert refusal("BOOTSTRAP_SERVERS", ["embedded", "a:1"]) == expected


def test_topic_that_kafka_refuses_is_told() -> None:
    """A topic is checked by Kafka's own rule."""
    expected = "KAFKA_EVENTS_TOPIC of app 'shop': Kafka allows no topic named '..'. Choose another name."
    assert refusal("TOPIC", "..") == expected


@pytest.mark.parametrize(("name", "word"), [("TOPIC", "2024"), ("TOPIC", "true"), ("SOURCE", "1e5"), ("HANDLE_SIGTERM", "False"), ("CAPTURE", "clientip")])  # fmt: skip
def test_shown_quoting_is_right(monkeypatch: pytest.MonkeyPatch, name: str, word: str) -> None:
    """The line that an error shows, given to a shell, makes Flask's config one that is read."""
    monkeypatch.setenv(f"FLASK_KAFKA_EVENTS_{name}", word)
    app = Flask("shop")
    app.config.from_prefixed_env()
    shown = refusal(name, app.config[f"KAFKA_EVENTS_{name}"]).rsplit(": ", 1)[1]
    variable, value = shlex.split(shown)[0].split("=", 1)
    monkeypatch.setenv(variable, value)
    app.config.from_prefixed_env()
    assert read_settings(app.config, app.name) != read_settings({}, app.name)
