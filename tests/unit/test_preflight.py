"""What can't work is refused as the app starts, not at its first event."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_kafka_events import ConfigurationError, KafkaEvents
from tests.sending import KeepingProducer


def start(producer: Any = None, servers: str = "broker:9092", **properties: Any) -> None:
    """An app's `init_app` with these properties, underscores for dots."""
    app = Flask("shop")
    app.config.update(
        KAFKA_EVENTS_BOOTSTRAP_SERVERS=servers,
        KAFKA_EVENTS_PRODUCER=properties,
        KAFKA_EVENTS_HANDLE_SIGTERM=False,
    )
    (KafkaEvents() if producer is None else KafkaEvents(producer=producer)).init_app(app)


def refused(**properties: Any) -> str:
    """What `init_app` says of them."""
    with pytest.raises(ConfigurationError) as caught:
        start(**properties)
    return str(caught.value)


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"linger_msx": 50}, 'No such configuration property: "linger.msx"'),
        ({"compression_type": "rar"}, 'Invalid value "rar" for configuration property "compression'),
        ({"socket_timeout_ms": -5}, "is outside allowed range"),
    ],
)
def test_property_that_librdkafka_refuses_is_told(properties: dict[str, Any], told: str) -> None:
    """A misspelt name and an impossible value are refused in librdkafka's own words, on one line."""
    said = refused(**properties)
    assert said.startswith("librdkafka refuses KAFKA_EVENTS_PRODUCER of app 'shop': ")
    assert told in said
    assert said.endswith(". Its CONFIGURATION.md has all names and values.")
    assert "\n" not in said


def test_refusal_shows_no_secret() -> None:
    """A password in the wrong place is not repeated."""
    said = refused(sasl_password="hunter2", compression_type="hunter2")
    assert "hunter2" not in said
    assert 'Invalid value "***"' in said


def test_question_builds_nothing() -> None:
    """What librdkafka takes starts no thread, in Python or in C, and calls no function of the app."""

    def fail(_: str) -> Any:
        raise AssertionError

    before = threads()
    start(linger_ms=0.5, ssl_ca_location="/none", sasl_mechanism="OAUTHBEARER", oauth_cb=fail)
    assert threads() == before


def threads() -> int:
    """How many threads this process has, librdkafka's among them where the kernel tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def test_properties_of_others_are_theirs_to_check() -> None:
    """A producer of the app's own may take more of them, and so may a plugin of librdkafka's."""
    start(producer=KeepingProducer, key_serializer="mine")
    start(plugin_library_paths="monitoring", confluent_monitoring_interceptor_topic="x")


@pytest.mark.parametrize("protocol", ["SASL_SSL", "ssl"])
@pytest.mark.parametrize("producer", [None, KeepingProducer])
def test_embedded_broker_with_encryption_is_refused(protocol: str, producer: Any) -> None:
    """It speaks plaintext alone, so that the events would wait for ever; what is only unused may stay."""
    said = refused(producer=producer, servers="embedded", security_protocol=protocol)
    assert "isn't for the embedded broker, which speaks plaintext alone. Leave it out in development" in said
    start(servers="embedded", security_protocol="PLAINTEXT", ssl_ca_location="/ca", sasl_username="ana")
    start(security_protocol=protocol, sasl_mechanism="PLAIN")


def test_what_a_journal_needs_is_imported_as_the_app_starts(tmp_path: Path) -> None:
    """An app without a journal does without it, and with one no request waits for the import, or fails with it."""
    code = """if True:
        import sys
        from flask import Flask
        from flask_kafka_events import KafkaEvents
        app = Flask("shop")
        app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="broker:9092", KAFKA_EVENTS_TOPIC="t")
        if len(sys.argv) > 1:
            app.config["KAFKA_EVENTS_JOURNAL"] = sys.argv[1]
        KafkaEvents(app)
        print("flask_kafka_events.delivery.journaling" in sys.modules)
    """
    answers = [
        subprocess.run([sys.executable, "-c", code, *more], capture_output=True, text=True, check=True).stdout
        for more in ([], [str(tmp_path / "journal")])
    ]
    assert answers == ["False\n", "True\n"]
