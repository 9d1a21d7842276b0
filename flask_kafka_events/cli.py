"""`flask kafka-events`: topics, tail, emit, journal, doctor, stats."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from confluent_kafka import Message
from confluent_kafka.admin import PartitionMetadata  # type: ignore[attr-defined]  # it has no __all__
from flask import current_app
from flask.cli import AppGroup

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.counter_commands import stats
from flask_kafka_events.delivery.topics import Broker, broker_of, event_of
from flask_kafka_events.doctor_command import doctor
from flask_kafka_events.errors import BrokerError, DeliveryTimeout
from flask_kafka_events.extension import KafkaEvents
from flask_kafka_events.journal_commands import journal
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import bold, echo_table, json_line, text, told
from flask_kafka_events.topic_names import check_topic

kafka_events = AppGroup("kafka-events", help="The app's events on Kafka.")
topics = AppGroup("topics", help="The broker's topics.")
kafka_events.add_command(topics)
kafka_events.add_command(journal)
kafka_events.add_command(doctor)
kafka_events.add_command(stats)


@topics.command("list")
def list_topics() -> None:
    """Print each topic with the number of its partitions."""
    with _broker() as broker:
        found = broker.topics()
    if not found:
        click.echo("There are no topics.", err=True)
    echo_table([[bold(name), str(len(topic.partitions))] for name, topic in found.items()])


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
    echo_table([partition_row(name, partition) for _, partition in sorted(topic.partitions.items())])


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
    with told():
        try:
            delivery = events.emit(type, value, key=key, topic=topic, wait=wait)
        except DeliveryTimeout:
            events.close(0)
            outcome = "is given up with the end of this command"
            if events.stats().pending:
                outcome = (
                    "waits in the journal, for the next process or `journal replay`; don't emit it again"
                )
            step = pipeline_of(current_app).process.connection.obstacle
            step = step or "Check that the broker is running and reachable."
            raise BrokerError(
                f"Event {type!r} was not acknowledged within {wait:g} s and {outcome}. {step}"
            ) from None
    if delivery is None:
        raise click.ClickException(f"Event {type!r} was not sent: it is switched off, sampled out or vetoed.")
    click.echo(f"{delivery.topic}  partition {delivery.partition}  offset {delivery.offset}")


@contextmanager
def _broker() -> Iterator[Broker]:
    with told():
        pipeline = pipeline_of(current_app)
        with broker_of(pipeline.settings, pipeline.host.instance) as broker:
            yield broker


def _line(message: Message) -> str:
    event = event_of(message)
    if event is None:
        return printable(text(message.value()))
    key = "-" if event.key is None else click.style(printable(event.key), fg="cyan")
    data = "-" if event.data is None else printable(text(event.data))
    return "  ".join([click.style(event.time.isoformat(), dim=True), bold(event.type), key, data])


def _json_line(message: Message) -> str:
    place = {"partition": message.partition(), "offset": message.offset()}
    return json_line(event_of(message), key=message.key(), value=message.value(), **place)


def partition_row(topic: str, partition: PartitionMetadata) -> list[str]:
    """The words for one partition of a topic."""
    has_leader = partition.leader >= 0
    return [
        bold(topic),
        f"partition {partition.id}",
        f"leader {partition.leader}" if has_leader else click.style("no leader", fg="red"),
        f"replicas {_numbers(partition.replicas)}",
        f"in sync {_numbers(partition.isrs)}",
    ]


def _numbers(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))
