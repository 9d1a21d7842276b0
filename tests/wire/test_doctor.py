"""`flask kafka-events doctor` asks a broker."""

import json
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events import KafkaEvents
from flask_kafka_events.embedded import Lease
from tests.unit.diagnosis import diagnosed, found, good_app, said

SECRET = "c4nary"


def on(broker: Lease, **settings: Any) -> Flask:
    """A good app that takes the embedded broker for a Kafka."""
    return good_app(BOOTSTRAP_SERVERS=broker.address, **settings)


def only_finding(app: Flask, *words: str) -> dict[str, Any]:
    """Of an app with one fault."""
    (finding,) = diagnosed(lambda: app, *words)["findings"]
    assert isinstance(finding, dict)
    return finding


def test_good_app_on_the_embedded_broker_has_nothing_wrong(tmp_path: Path, broker: Lease) -> None:
    """It makes a topic at its first event, and has one partition and no rights."""
    assert broker.address
    app = Flask("shop", instance_path=str(tmp_path / "broker"))
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TOPIC="not_there", TESTING=True)
    KafkaEvents(app)
    assert said(lambda: app, "--strict") == "Nothing is wrong.\n"


def test_topic_of_a_broker_is_looked_at(broker: Lease) -> None:
    """One that exists has nothing wrong but that its properties can't be seen; one that doesn't is named."""
    assert found(lambda: on(broker)) == [("topic-unseen", "note")]
    missing = only_finding(on(broker, TOPIC="mistyped"))
    assert (missing["check"], missing["where"]) == ("topic-missing", "topic 'mistyped'")
    assert "flask kafka-events topics create mistyped" in missing["next_step"]


def test_topic_that_may_not_be_seen_is_named(broker: Lease) -> None:
    """The broker's word for it is the user's missing right."""
    broker.create_topic("secret")
    broker.fail_topic("secret", "TOPIC_AUTHORIZATION_FAILED")
    report = diagnosed(lambda: on(broker, TOPIC="secret"))
    assert [each["check"] for each in report["findings"]] == ["topic-rights", "topic-unseen"]


def test_topics_of_the_code_and_of_the_rules_are_looked_at(broker: Lease) -> None:
    """Where events go is what counts; a switched-off event goes nowhere."""
    types = {"bought": {"topic": "sales"}}
    assert only_finding(on(broker, TYPES=types, TOPIC=None))["where"] == "topic 'sales'"
    unused = {"emitted": {"topic": "elsewhere"}, "http.request": {"topic": "requests"}}
    report = diagnosed(lambda: on(broker, TYPES=unused, REQUESTS=True))
    assert [each["where"] for each in report["findings"]] == [
        "topic 'elsewhere'",
        "topic 'requests'",
        "the app's user",
    ]
    off = {"bought": {"topic": "sales", "enabled": False}}
    assert found(lambda: on(broker, TYPES=off)) == [("event-switched-off", "note"), ("topic-unseen", "note")]


def test_broker_that_nobody_finds_is_named() -> None:
    """With what librdkafka says of it, within the seconds that it was given."""
    finding = only_finding(good_app(BOOTSTRAP_SERVERS="127.0.0.1:1"), "--wait", "0.7")
    assert finding["check"] == "broker-unreachable"
    assert "127.0.0.1:1" in finding["problem"]
    assert "Connection refused" in finding["problem"]
    assert "Kafka is running" in finding["next_step"]


def test_broker_that_speaks_no_tls_is_named(broker: Lease) -> None:
    """It is there, so that looking for it would be the wrong step."""
    settings = {"security.protocol": "ssl", "ssl.key.password": SECRET}
    finding = only_finding(on(broker, PRODUCER=settings), "--wait", "1")
    assert finding["check"] == "broker-refuses"
    assert SECRET not in json.dumps(finding)


def test_broker_that_takes_connections_and_says_nothing_is_named() -> None:
    """As a TLS listener does to a client without TLS: the address is right, and something else is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        finding = only_finding(good_app(BOOTSTRAP_SERVERS=address), "--wait", "0.6")
    assert finding["check"] == "broker-refuses"
    assert finding["problem"].startswith(f"Connections to {address} are taken")
    assert "security.protocol" in finding["next_step"]


def test_properties_that_an_own_producer_takes_are_tried(broker: Lease) -> None:
    """What librdkafka refuses is told, without the secret in it."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=broker.address, KAFKA_EVENTS_TOPIC="shop_events")
    app.config["KAFKA_EVENTS_PRODUCER"] = {"security.protocol": SECRET}
    app.config["KAFKA_EVENTS_CREDENTIALS"] = lambda: ("app", SECRET)
    KafkaEvents(app, producer=partial(Producer))
    finding = diagnosed(lambda: app)["findings"][0]
    assert finding["check"] == "broker-refuses"
    assert "***" in finding["problem"]
    assert SECRET not in said(lambda: app, status=1)


def test_credentials_that_cannot_be_had_are_named(broker: Lease) -> None:
    """The function's own words are no one's business."""

    def ask() -> tuple[str, str]:
        raise LookupError(SECRET)

    sasl = {"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"}
    finding = only_finding(on(broker, CREDENTIALS=ask, PRODUCER=sasl))
    assert finding["check"] == "credentials"
    assert "LookupError was raised" in finding["problem"]
    assert SECRET not in json.dumps(finding)


@pytest.mark.parametrize(
    "fault",
    [
        {"BOOTSTRAP_SERVERS": None},
        {"ENABLED": False},
        {"PRODUCER": {"ssl.ca.location": "/no", "security.protocol": "ssl"}},
    ],
)
def test_nobody_is_asked_where_there_is_no_way(fault: dict[str, Any]) -> None:
    """The finding says what is missing; a second one about a broker would hide it."""
    report = diagnosed(lambda: good_app(**fault))
    assert len(report["findings"]) == 1
    assert not report["broker_asked"]


def test_app_is_found_as_every_flask_command_finds_it(tmp_path: Path) -> None:
    """On the command line an app that can't be made is a finding with its line, and no traceback."""
    (tmp_path / "shop.py").write_text(
        "from flask import Flask\nfrom flask_kafka_events import KafkaEvents\napp = Flask('shop')\n"
        "app.config['KAFKA_EVENTS_TOPICS'] = 'x'\nKafkaEvents(app)\n"
    )
    command = [sys.executable, "-m", "flask", "--app", "shop", "kafka-events", "doctor"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("error  settings  shop.py, line 5\n")


def test_gevents_patching_is_seen(tmp_path: Path) -> None:
    """An app that patches its own process needs no word of gunicorn's."""
    (tmp_path / "shop.py").write_text(
        "from gevent import monkey\nmonkey.patch_all()\n"
        "from flask import Flask\nfrom flask_kafka_events import KafkaEvents\napp = Flask('shop')\n"
        "app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS='kafka:9092', KAFKA_EVENTS_JOURNAL_MAX_BYTES=8_000_000)\n"
        f"app.config.update(KAFKA_EVENTS_JOURNAL_SYNC='power', KAFKA_EVENTS_JOURNAL={str(tmp_path / 'journal')!r})\n"
        "KafkaEvents(app)\n"
    )
    command = [
        sys.executable,
        "-m",
        "flask",
        "--app",
        "shop",
        "kafka-events",
        "doctor",
        "--offline",
        "--json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert [each["check"] for each in json.loads(done.stdout)["findings"]] == ["gevent-journal-sync"]
