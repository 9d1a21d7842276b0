"""`flask kafka-events` on the embedded broker."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
import pytest
from confluent_kafka.admin import PartitionMetadata  # type: ignore[attr-defined]  # it has no __all__
from flask import Flask

from flask_kafka_events import Event, KafkaEvents, event_created
from flask_kafka_events.cli import kafka_events, partition_row
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


def command_line(instance: Path, *words: str) -> list[str]:
    """`flask kafka-events` in a process of its own, for an app on the embedded broker of that folder."""
    code = instance / "mine.py"
    code.write_text(
        "from flask import Flask\nfrom flask_kafka_events import KafkaEvents\n"
        f"app = Flask('shop', instance_path={str(instance)!r})\n"
        "app.config['KAFKA_EVENTS_BOOTSTRAP_SERVERS'] = 'embedded'\nKafkaEvents(app)\n"
    )
    return [sys.executable, "-m", "flask", "--app", str(code), "kafka-events", *words]


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
    run(app, "emit", "bare")
    assert run(app, "tail", "shop_events", "-e").endswith("  bare  -  -\n")
    assert "\x1b" not in line
    told = json.loads(run(app, "tail", "shop_events", "-e", "--json").splitlines()[0])
    assert datetime.fromisoformat(told["time"]).tzinfo is not None
    assert "T" in told["time"]
    assert (told["type"], told["key"], told["offset"], told["data"]) == (
        "tick",
        "a\x1b",
        0,
        {"n": "\x1b[31m"},
    )


def test_terminal_gets_colours_and_a_pipe_does_not(app: Flask, tmp_path: Path) -> None:
    """On a terminal names are bold; piped, the same words come without a single escape."""
    run(app, "topics", "create", "one")
    flask = command_line(tmp_path, "topics", "list")
    piped = subprocess.run(flask, stdout=subprocess.PIPE, check=True, timeout=30).stdout
    assert piped == b"one  1\n"
    screen, terminal = pty.openpty()
    try:
        subprocess.run(flask, stdout=terminal, stderr=subprocess.DEVNULL, check=True, timeout=30)
        assert os.read(screen, 1000) == b"\x1b[1mone\x1b[0m  1\r\n"
    finally:
        os.close(screen)
        os.close(terminal)


def test_topic_that_may_not_be_seen_is_told(app: Flask, broker: Lease) -> None:
    """What the broker says of a topic ends `describe` with the next step."""
    broker.fail_topic("secret", "TOPIC_AUTHORIZATION_FAILED")
    assert "Give the app's user the right" in run(app, "topics", "describe", "secret", status=1)


def test_partition_without_a_leader_says_so() -> None:
    """Nobody can write there, and nobody needs to know what -1 means."""
    partition = PartitionMetadata()
    partition.id, partition.leader, partition.replicas, partition.isrs = 3, -1, [1, 2], []
    words = [click.unstyle(word) for word in partition_row("one", partition)]
    assert words == ["one", "partition 3", "no leader", "replicas 1,2", "in sync "]


def test_mistakes_are_told(app: Flask) -> None:
    """Bad JSON, an unknown topic and a switched-off type end with status 1 or 2 and say why."""
    assert "is no JSON" in run(app, "emit", "tick", "--data", "{", status=2)
    assert "There is no topic 'none'" in run(app, "tail", "none", "-e", status=1)
    assert "has ' ' at position 1" in run(app, "emit", "tick", "--topic", "a b", status=1)
    assert "has ' ' at position 1" in run(app, "topics", "create", "a b", status=1)
    assert "leave --replication at 1" in run(app, "topics", "create", "c", "--replication", "3", status=1)
    assert "is the app running?" in run(app, "topics", "describe", "none", status=1)


#: Commands that must tell no secret: each is run on an app that is full of them.
COMMANDS = (
    ("topics", "create", "one"),
    ("topics", "create", "one"),
    ("topics", "list"),
    ("topics", "describe", "shop_events"),
    ("topics", "describe", "none"),
    ("emit", "tick", "--data", '{"n": 1}', "--key", "ana"),
    ("emit", "tick", "--data", "{"),
    ("emit", "tick", "--topic", "a b"),
    ("emit", "refused", "--wait", "2"),
    ("tail", "shop_events", "-e"),
    ("tail", "shop_events", "-e", "--json"),
    ("tail", "none", "-e"),
    ("doctor",),
    ("doctor", "--json"),
)


@pytest.mark.parametrize("journal", [False, True], ids=["memory", "journal"])
def test_no_command_tells_a_secret(
    tmp_path: Path, broker: Lease, caplog: pytest.LogCaptureFixture, journal: bool
) -> None:
    """Neither of the settings nor of what the app's own functions raise; on standard output, standard error and in the log."""

    def fail() -> None:
        raise LookupError("c4nary-exception")

    def refuse(_: Flask, event: Event) -> None:
        if event.type == "refused":
            fail()

    (tmp_path / "password").write_text("c4nary-file")
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update(SECRET_KEY="c4nary-key", SHOP_PASSWORD="c4nary-config")
    app.config["KAFKA_EVENTS_PRODUCER"] = {
        "sasl.password_FILE": str(tmp_path / "password"),
        "ssl.key.password": "c4nary-ssl",
    }
    if journal:
        app.config["KAFKA_EVENTS_JOURNAL"] = str(tmp_path / "journal")
    events.init_app(app)
    broker.create_topic("shop_events")
    with event_created.connected_to(refuse, sender=app):
        said = [app.test_cli_runner().invoke(kafka_events, words).output for words in COMMANDS]
    events.for_app(app).close()
    other = Flask("other")
    other.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="127.0.0.1:9", KAFKA_EVENTS_CREDENTIALS=fail)
    events.init_app(other)
    said.append(other.test_cli_runner().invoke(kafka_events, ["topics", "list"]).output)
    assert "LookupError was raised" in said[-1]
    assert all(said)
    assert not [each for each in (*said, caplog.text) if "c4nary" in each]
    files = [each for each in tmp_path.rglob("*") if each.is_file() and each.name != "password"]
    assert not [each for each in files if b"c4nary" in each.read_bytes()]


@pytest.mark.parametrize(
    "words",
    [("topics", "list"), ("tail", "x"), ("emit", "x"), ("journal", "ls"), ("journal", "replay")],
    ids=" ".join,
)
def test_app_without_the_extension_is_told(words: tuple[str, ...]) -> None:
    """What to do is the whole of the message, with no traceback before it."""
    said = run(Flask("bare"), *words, status=1)
    assert said == "Error: App 'bare' has no KafkaEvents. Call events.init_app(app) in your app factory.\n"


def test_no_topics_are_said_to_be_none(app: Flask) -> None:
    """A person sees more than silence; standard output stays empty for a script."""
    result = app.test_cli_runner().invoke(kafka_events, ["topics", "list"])
    assert (result.stdout, result.stderr) == ("", "There are no topics.\n")


def test_event_that_is_not_acknowledged_is_said_to_be_lost(app: Flask, broker: Lease) -> None:
    """The command's end is the event's end: nobody is told to wait for it."""
    broker.broker_down()
    said = run(app, "emit", "tick", "--wait", "0.2", status=1)
    assert "not acknowledged within 0.2 s and is given up with the end of this command" in said
    assert "still pending" not in said


def test_ctrl_c_ends_tail_quietly(app: Flask, tmp_path: Path) -> None:
    """It is the way out, not a mistake: no traceback, no "Aborted!", status 0."""
    run(app, "emit", "tick")
    tail = subprocess.Popen(
        command_line(tmp_path, "tail", "shop_events"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert tail.stdout is not None
    assert tail.stdout.readline().endswith(b"  tick  -  -\n")
    tail.send_signal(signal.SIGINT)
    _, said = tail.communicate(timeout=20)
    assert tail.returncode == 0
    assert b"Aborted" not in said
    assert b"Traceback" not in said
