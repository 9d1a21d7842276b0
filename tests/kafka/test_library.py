"""The package on Apache Kafka itself: the transcript, the formats, the keys, a broker that comes late."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings import kafka as sdk
from confluent_kafka import Consumer, Message, TopicPartition
from flask import Flask
from kafka import KafkaConsumer

from examples.game_api import create_app
from examples.game_api.app import TOPIC
from flask_kafka_events import AppEvents, KafkaEvents, emit_event
from tests.examples.test_game import STORY, TRANSCRIPT, Game
from tests.kafka.apache_kafka import ApacheKafka
from tests.parts import path_of, requires
from tests.wire.test_cli import run


@contextmanager
def app_on(kafka: ApacheKafka, topic: str, **settings: Any) -> Iterator[tuple[Flask, AppEvents]]:
    """An app in production mode whose events go to this topic."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=kafka.bootstrap, KAFKA_EVENTS_TOPIC=topic)
    app.config.update({f"KAFKA_EVENTS_{key}": value for key, value in settings.items()})
    events = KafkaEvents(app).for_app(app)
    try:
        yield app, events
    finally:
        events.close()


def kcat(kafka: ApacheKafka, *options: str) -> bytes:
    """What kcat reads of the game's topic, from the beginning to the end."""
    command = [
        path_of("kcat") or "kcat",
        "-C",
        "-b",
        kafka.bootstrap,
        "-t",
        TOPIC,
        "-o",
        "beginning",
        "-e",
        "-q",
    ]
    return subprocess.run([*command, *options], check=True, capture_output=True, timeout=30).stdout


@requires("kcat")
def test_transcript_is_that_of_the_original(kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight requests are eight names in order for kcat and for Kafka's own consumer; all eight carry metadata."""
    monkeypatch.setenv("FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS", kafka.bootstrap)
    kafka.create_topic(TOPIC)
    app = create_app()
    client = app.test_client()
    for path in STORY:
        assert client.get(path).status_code == 200
    events = KafkaEvents().for_app(app)
    assert events.flush(20)
    assert events.stats().delivered == len(STORY)
    events.close()
    assert kcat(kafka) == TRANSCRIPT
    assert kafka.console_consume(TOPIC, "--max-messages", "8") == TRANSCRIPT
    headers = kcat(kafka, "-f", "%h\n").decode().splitlines()
    assert [f"ce_httproute={path}," in line for line, path in zip(headers, STORY, strict=True)] == [True] * 8
    assert all("ce_id=" in line and "ce_httpstatus=200" in line for line in headers)


@requires("kcat")
def test_game_is_played_on_a_broker_of_ones_own(kafka: ApacheKafka, tmp_path: Path) -> None:
    """With FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS in the environment the game's kcat line reads from that broker."""
    address = {"FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": kafka.bootstrap}
    game = Game(tmp_path, FLASK_KAFKA_EVENTS_TOPIC="own_topic", **address)
    try:
        kafka.create_topic("own_topic")
        assert game.get("/join_guild") == b"\nGuild Joined!\n"
    finally:
        assert game.end() == 0
    assert (game.kcat[3], game.kcat[5]) == (kafka.bootstrap, "own_topic")
    assert game.read() == b"joined_guild\n"


@pytest.mark.parametrize("form", ["cloudevents", "cloudevents-binary", "plain"])
def test_others_read_every_format(kafka: ApacheKafka, form: str) -> None:
    """kafka-python reads the record, and the CloudEvents SDK the event in it."""
    topic = f"format_{form}"
    kafka.create_topic(topic)
    with app_on(kafka, topic, FORMAT=form) as (_, events):
        events.emit("bought", {"price": 12}, key="ana", wait=20)
    consumer = KafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    try:
        record = next(consumer)
    finally:
        consumer.close()
    assert record.key == b"ana"
    message = sdk.KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
    event = sdk.from_kafka_event(message)
    assert (event.get_type(), event.get_source()) == ("bought", "/shop")
    assert event.get_extension("partitionkey") == "ana"
    if form != "plain":
        assert event.get_data() == {"price": 12}


def test_same_key_same_partition_as_java(kafka: ApacheKafka) -> None:
    """Each key lands in the partition that Kafka's own producer chooses for it."""
    keys = [f"player-{number}" for number in range(40)] + ["ana", "ünïcode", "日本"]
    kafka.create_topic("keys_java", partitions=6)
    kafka.create_topic("keys_ours", partitions=6)
    kafka.console_produce("keys_java", [f"{key}:x" for key in keys], "parse.key=true", "key.separator=:")
    with app_on(kafka, "keys_ours") as (_, events):
        for key in keys:
            events.emit("seen", key=key)
        assert events.flush(20)
    ours = partitions(kafka, "keys_ours", len(keys))
    assert ours == partitions(kafka, "keys_java", len(keys))
    assert len(set(ours.values())) == 6


def test_late_broker_gets_every_event(kafka: ApacheKafka) -> None:
    """Requests are answered while there is no broker; once there is, each event arrives."""
    kafka.create_topic("late")
    kafka.stop()
    try:
        with app_on(kafka, "late", PRODUCER={"reconnect.backoff.max.ms": 500}) as (app, events):
            app.get("/")(emit_event("came")(lambda: "answered"))
            for _ in range(20):
                assert app.test_client().get("/").text == "answered"
            assert events.stats().pending == 20
            kafka.start()
            assert events.flush(30)
            assert events.stats().delivered == 20
    finally:
        if kafka.process is None:
            kafka.start()


def test_broker_killed_under_load_costs_nothing(kafka: ApacheKafka) -> None:
    """Kill -9 of the broker between emits, twice: each event arrives, each key's in order, as the ledger says."""
    kafka.create_topic("restarted")
    with app_on(kafka, "restarted", PRODUCER={"reconnect.backoff.max.ms": 500}) as (_, events):
        for number in range(3000):
            events.emit("step", {"number": number}, key=f"player-{number % 7}")
            if number in (1000, 2000):
                assert number == 1000 or events.flush(60)
                kafka.stop()
            if number in (1500, 2500):
                kafka.start()
        assert events.flush(60)
        assert events.stats().delivered == 3000
    lines = kafka.console_consume("restarted", "--timeout-ms", "3000").splitlines()
    seen = list(dict.fromkeys(json.loads(line)["data"]["number"] for line in lines))
    for key in range(7):
        assert [number for number in seen if number % 7 == key] == list(range(key, 3000, 7))


def test_unknown_topic_fails_with_its_reason(kafka: ApacheKafka) -> None:
    """An event for a topic that nobody made fails after UNKNOWN_TOPIC_SECONDS, and others are unharmed."""
    kafka.create_topic("known")
    with app_on(kafka, "known", UNKNOWN_TOPIC_SECONDS=2) as (_, events):
        events.emit("lost", topic="mistyped")
        assert events.emit("sent", wait=20) is not None
        assert events.flush(30)
        stats = events.stats()
    assert (stats.delivered, stats.pending) == (1, 0)
    assert list(stats.failed_by_reason) in (["_UNKNOWN_TOPIC"], ["UNKNOWN_TOPIC_OR_PART"])


def test_commands_work_on_apache_kafka(kafka: ApacheKafka) -> None:
    """Topics are created with their partitions, listed and described; what `emit` sends `tail` prints."""
    with app_on(kafka, "by_hand") as (app, _):
        assert run(app, "topics", "create", "by_hand", "--partitions", "2") == "Created topic by_hand.\n"
        assert run(app, "topics", "create", "by_hand", "--if-not-exists") == "Topic by_hand exists.\n"
        assert "exists already" in run(app, "topics", "create", "by_hand", status=1)
        assert "INVALID_REPLICATION_FACTOR" in run(
            app, "topics", "create", "x", "--replication", "9", status=1
        )
        assert "by_hand" in [line.split()[0] for line in run(app, "topics", "list").splitlines()]
        described = run(app, "topics", "describe", "by_hand").splitlines()
        assert described == [
            f"by_hand  partition {number}  leader 1  replicas 1  in sync 1" for number in range(2)
        ]
        assert run(app, "emit", "tick", "--data", '{"n": 1}', "--key", "ana").endswith("offset 0\n")
        told = json.loads(run(app, "tail", "by_hand", "-e", "--json"))
        assert (told["type"], told["key"], told["data"]) == ("tick", "ana", {"n": 1})
        assert run(app, "tail", "by_hand", "-e").endswith('  tick  ana  {"n":1}\n')


def partitions(kafka: ApacheKafka, topic: str, number: int) -> dict[bytes | None, int | None]:
    """The partition of each key on a topic of six."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": topic})
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(6)])
        messages: list[Message] = []
        while len(messages) < number:
            messages += consumer.consume(number - len(messages), 10)
        return {message.key(): message.partition() for message in messages}
    finally:
        consumer.close()
