"""`flask kafka-events` on the embedded broker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from flask_kafka_events import KafkaEvents
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.embedded import Lease, join

events = KafkaEvents()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path, linger=0.3) as lease:
        yield lease


@pytest.fixture
def app(tmp_path: Path, broker: Lease) -> Iterator[Flask]:
    """An app on that broker."""
    assert broker.address
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TOPIC="shop_events")
    events.init_app(app)
    yield app
    events.for_app(app).close()


def run(app: Flask, *words: str, status: int = 0) -> str:
    """What the command prints."""
    result = app.test_cli_runner().invoke(kafka_events, words)
    assert result.exit_code == status, result.output
    return result.output


def test_topics_are_created_listed_and_described(app: Flask) -> None:
    """A created topic is listed with its partitions; a second creation is an error unless allowed."""
    assert run(app, "topics", "create", "one") == "Created topic one.\n"
    assert run(app, "topics", "create", "three", "--partitions", "3") == "Created topic three.\n"
    assert run(app, "topics", "create", "one", "--if-not-exists") == "Topic one exists.\n"
    assert "exists already" in run(app, "topics", "create", "one", status=1)
    assert run(app, "topics", "list") == "one    1\nthree  3\n"
    assert run(app, "topics", "describe", "one").startswith("one  partition 0  leader 1  replicas 1")
    assert "topics create two" in run(app, "topics", "describe", "two", status=1)


def test_emitted_event_is_read_back(app: Flask) -> None:
    """What `emit` sends, `tail` prints in one line, escapes shown and not obeyed."""
    assert run(app, "emit", "tick", "--data", '{"n": "\\u001b[31m"}', "--key", "a\x1b") == (
        "shop_events  partition 0  offset 0\n"
    )
    line = run(app, "tail", "shop_events", "-e")
    assert line.endswith('  tick  a\\x1b  {"n":"\\u001b[31m"}\n')
    assert "\x1b" not in line
    told = json.loads(run(app, "tail", "shop_events", "-e", "--json"))
    assert (told["type"], told["key"], told["offset"], told["data"]) == (
        "tick",
        "a\x1b",
        0,
        {"n": "\x1b[31m"},
    )


def test_mistakes_are_told(app: Flask) -> None:
    """Bad JSON, an unknown topic and a switched-off type end with status 1 or 2 and say why."""
    assert "is no JSON" in run(app, "emit", "tick", "--data", "{", status=2)
    assert "There is no topic 'none'" in run(app, "tail", "none", "-e", status=1)
    assert "lower-case" not in run(app, "emit", "tick", "--topic", "a b", status=1)
