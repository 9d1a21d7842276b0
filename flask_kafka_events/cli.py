"""`flask kafka-events`: topics, tail, emit."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, cast

import click
from confluent_kafka import Message
from confluent_kafka.admin import PartitionMetadata  # type: ignore[attr-defined]  # it has no __all__
from flask import current_app
from flask.cli import AppGroup

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.delivery.topics import Broker, broker_of
from flask_kafka_events.errors import BrokerError, DeliveryTimeout, KafkaEventsError
from flask_kafka_events.event import Event
from flask_kafka_events.extension import KafkaEvents
from flask_kafka_events.formats import read
from flask_kafka_events.topic_names import check_topic

kafka_events = AppGroup("kafka-events", help="The app's events on Kafka.")
topics = AppGroup("topics", help="The broker's topics.")
kafka_events.add_command(topics)


@topics.command("list")
def list_topics() -> None:
    """Print each topic with the number of its partitions."""
    with _broker() as broker:
        found = broker.topics()
    if not found:
        click.echo("There are no topics.", err=True)
    _echo_table([[_bold(name), str(len(topic.partitions))] for name, topic in found.items()])


@topics.command("create")
@click.argument("name")
@click.option("--partitions", type=click.IntRange(1), default=1, show_default=True)
@click.option("--replication", type=click.IntRange(1), default=1, show_default=True)
@click.option("--if-not-exists", is_flag=True, help="An existing topic is no error.")
def create_topic(name: str, *, partitions: int, replication: int, if_not_exists: bool) -> None:
    """Create a topic."""
    with _broker() as broker:
        check_topic(name)
        created = broker.create(name, partitions=partitions, replication=replication)
    if created:
        click.echo(f"Created topic {name}.")
    elif if_not_exists:
        click.echo(f"Topic {name} exists.")
    else:
        raise click.ClickException(f"Topic {name!r} exists already. --if-not-exists makes that no error.")


@topics.command("describe")
@click.argument("name")
def describe_topic(name: str) -> None:
    """Print a topic's partitions with leader, replicas and those in sync."""
    with _broker() as broker:
        topic = broker.topic(name)
    _echo_table([partition_row(name, partition) for _, partition in sorted(topic.partitions.items())])


@kafka_events.command()
@click.argument("topic")
@click.option("--from-now", is_flag=True, help="Only what comes from now on.")
@click.option("-e", "--exit", "until_end", is_flag=True, help="Stop at the end of the topic.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def tail(topic: str, *, from_now: bool, until_end: bool, as_json: bool) -> None:
    """Print a topic's events, one a line: time, type, key, data; - for none."""
    show = _json_line if as_json else _line
    # Ctrl-C is how a person ends it.
    with suppress(KeyboardInterrupt), _broker() as broker:
        for message in broker.read(topic, from_beginning=not from_now, until_end=until_end):
            click.echo(show(message))


@kafka_events.command()
@click.argument("type")
@click.option("--data", help="The event's data, as JSON.")
@click.option("--key", help="The event's key.")
@click.option("--topic", help="Where it goes; without it the app's topic.")
@click.option(
    "--wait", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, help="Seconds."
)
def emit(type: str, *, data: str | None, key: str | None, topic: str | None, wait: float) -> None:
    """Emit an event and wait for the broker's acknowledgement."""
    try:
        value = None if data is None else json.loads(data)
    except ValueError as error:
        raise click.BadParameter(f"is no JSON: {error}", param_hint="--data") from None
    events = KafkaEvents()
    with _told():
        try:
            delivery = events.emit(type, value, key=key, topic=topic, wait=wait)
        except DeliveryTimeout:
            events.close(0)
            raise BrokerError(
                f"Event {type!r} was not acknowledged within {wait:g} s and is given up with the end of this command. "
                f"Check that the broker is running and reachable."
            ) from None
    if delivery is None:
        raise click.ClickException(f"Event {type!r} was not sent: it is switched off, sampled out or vetoed.")
    click.echo(f"{delivery.topic}  partition {delivery.partition}  offset {delivery.offset}")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except KafkaEventsError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _broker() -> Iterator[Broker]:
    pipeline = pipeline_of(current_app)
    with _told(), broker_of(pipeline.settings, pipeline.host.instance) as broker:
        yield broker


def _event(message: Message) -> Event | None:
    headers = cast("list[tuple[str, bytes | None]] | None", message.headers())  # a consumer's are bytes
    return read(value=message.value(), headers=headers, key=message.key(), topic=message.topic() or "")


def _line(message: Message) -> str:
    event = _event(message)
    if event is None:
        return _printable(_text(message.value()))
    key = "-" if event.key is None else click.style(_printable(event.key), fg="cyan")
    data = "-" if event.data is None else _printable(_text(event.data))
    return "  ".join([click.style(event.time.isoformat(), dim=True), _bold(event.type), key, data])


def _json_line(message: Message) -> str:
    event = _event(message)
    place: dict[str, Any] = {"partition": message.partition(), "offset": message.offset()}
    if event is None:
        return json.dumps({**place, "key": _text(message.key()), "value": _text(message.value())})
    context = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in event.context().items()
    }
    return json.dumps({**place, "key": event.key, **context, "data": event.decoded()})


def _text(content: bytes | str | None) -> str:
    return content.decode(errors="backslashreplace") if isinstance(content, bytes) else content or ""


def partition_row(topic: str, partition: PartitionMetadata) -> list[str]:
    """The words for one partition of a topic."""
    has_leader = partition.leader >= 0
    return [
        _bold(topic),
        f"partition {partition.id}",
        f"leader {partition.leader}" if has_leader else click.style("no leader", fg="red"),
        f"replicas {_numbers(partition.replicas)}",
        f"in sync {_numbers(partition.isrs)}",
    ]


def _echo_table(rows: list[list[str]]) -> None:
    """Print aligned columns; click takes the colours out where the output is no terminal."""
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def _bold(text: str) -> str:
    return click.style(_printable(text), bold=True)


def _printable(text: str) -> str:
    """The text with control characters escaped: a terminal obeys them, whoever sent them."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _numbers(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))
