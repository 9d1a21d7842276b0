"""What the crowd's reader counts of a topic."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from confluent_kafka import Producer

from examples.crowd.reading import Reader, reading
from flask_kafka_events.embedded import Lease, join
from tests.kafka.apache_kafka import free_port

TOPIC = "game_users_events"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that has the topic."""
    with join(tmp_path, linger=0.5) as lease:
        lease.create_topic(TOPIC)
        yield lease


def send(broker: Lease, player: str | None, identity: str, kind: str) -> None:
    """An event as the game sends it."""
    headers = [("ce_id", identity.encode()), ("ce_type", kind.encode())]
    produce(broker, player, kind.encode(), headers)


def produce(broker: Lease, key: str | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """A record, acknowledged."""
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(TOPIC, value, key=key, headers=list(headers))
    assert producer.flush(10) == 0


def read(reader: Reader) -> dict[tuple[str, str], int]:
    """What it counts, once it has read all."""
    reader.read_all(seconds=10)
    return dict(reader.arrived)


def test_an_id_counts_once(broker: Lease) -> None:
    """An event that arrives again is told apart from another one of the same player and type."""
    with reading(broker.address, TOPIC, "c1") as reader:
        for identity in ("a", "b", "a"):
            send(broker, "c1-7", identity, "default")
        assert read(reader) == {("c1-7", "default"): 2}
        assert (len(reader), reader.again) == (2, 1)


def test_only_the_crowd_counts(broker: Lease) -> None:
    """What was there before, what others play, what has no player, and alerts about its players are passed over."""
    send(broker, "c1-7", "before", "default")
    with reading(broker.address, TOPIC, "c1") as reader:
        send(broker, "c1-7", "a", "joined_guild")
        send(broker, "c1-7", "b", "many_swords")
        send(broker, "c12-7", "c", "default")
        send(broker, None, "d", "default")
        assert read(reader) == {("c1-7", "joined_guild"): 1}


def test_a_game_may_have_the_default_format(broker: Lease) -> None:
    """An event whose attributes are in its value counts too."""
    with reading(broker.address, TOPIC, "c1") as reader:
        produce(broker, "c1-7", json.dumps({"id": "a", "type": "default"}).encode(), [])
        assert read(reader) == {("c1-7", "default"): 1}


def test_a_broker_that_is_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """The error names topic and broker, once, and what may help."""
    nowhere = f"127.0.0.1:{free_port()}"
    with (
        pytest.raises(
            click.ClickException, match=f"Topic '{TOPIC}' at {nowhere} can't be read: .* Is the broker up"
        ),
        reading(nowhere, TOPIC, "c1"),
    ):
        pass
    assert capfd.readouterr().err == ""
