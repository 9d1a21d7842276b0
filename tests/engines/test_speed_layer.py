"""The speed layer on Apache Kafka: its totals are exact, whatever becomes of its members."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient

from examples.game_api import create_app
from examples.game_api.app import events
from flask_kafka_events.formats import reading
from tests.examples.postgres import postgres
from tests.examples.speed_kills import kill_at_random
from tests.examples.speed_ledger import ALERT_SWORDS, Ledger
from tests.examples.speed_member import SpeedLayer, make_environment, speed_layer
from tests.parts import need, requires
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask_kafka_events import Event
    from tests.kafka.apache_kafka import ApacheKafka

TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module", autouse=True)
def environment(kafka: ApacheKafka) -> None:
    """The environment of the speed layer, after it is known that there is a Kafka."""
    if sys.version_info < (3, 11):
        need("python3.11")
    make_environment()


@pytest.fixture
def ledger(kafka: ApacheKafka) -> Ledger:
    """A topic of four partitions, and what will be on it; chance goes by a printed seed."""
    seed = int(os.environ.get("SPEED_SEED", uuid.uuid4().int % 10**6))
    print(f"SPEED_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    ledger = Ledger(bootstrap=kafka.bootstrap, topic=f"game-{uuid.uuid4().hex[:8]}", seed=seed)
    kafka.create_topic(ledger.topic, partitions=4)
    return ledger


@pytest.fixture
def layer(ledger: Ledger, tmp_path: Path) -> Iterator[SpeedLayer]:
    """A speed layer without members yet."""
    with speed_layer(ledger, tmp_path) as layer:
        yield layer


def alerts_on(ledger: Ledger) -> list[Event]:
    """Each alert that is on the topic."""
    consumer = Consumer({"bootstrap.servers": ledger.bootstrap, "group.id": str(uuid.uuid4())})
    try:
        ends = {}
        for partition in range(4):
            _, ends[partition] = consumer.get_watermark_offsets(
                TopicPartition(ledger.topic, partition), timeout=20
            )
        consumer.assign([TopicPartition(ledger.topic, partition, OFFSET_BEGINNING) for partition in ends])
        records = consumer.consume(sum(ends.values()), timeout=20)
    finally:
        consumer.close()
    assert len(records) == sum(ends.values())
    found = (
        reading.read(value=each.value(), headers=each.headers(), key=each.key(), topic=ledger.topic)  # type: ignore[arg-type]
        for each in records
    )
    return [event for event in found if event is not None and event.type == "player_alerted"]


def test_totals_are_those_of_the_ledger(layer: SpeedLayer) -> None:
    """Duplicates count once, late events within the bound count, later ones are told apart, and so is what is no event."""
    layer.ledger.feed(4_000)
    member = layer.start()
    layer.await_everything()
    layer.check_exact()

    assert layer.end(member) == 0
    assert all(layer.ledger.kinds[kind] for kind in ("duplicate", "late", "malformed", "unnamed", "other"))
    ((reason,),) = layer.rows("SELECT DISTINCT reason FROM malformed")
    assert "no event in a format of this package" in reason
    alerts = alerts_on(layer.ledger)
    assert {(event.decoded()["window_start"], event.key) for event in alerts} == layer.ledger.alerts  # type: ignore[index]
    assert set(Counter(event.id for event in alerts).values()) == {1}


def test_kills_at_random_leave_exact_totals(layer: SpeedLayer) -> None:
    """Two members, one of them killed with -9 three times: no total is off by one, no alert lacks or has two ids."""
    kill_at_random(layer, times=3, members=2)
    layer.check_exact()

    by_window = {(event.decoded()["window_start"], event.key, event.id) for event in alerts_on(layer.ledger)}  # type: ignore[index]
    assert {(start, player) for start, player, _ in by_window} == layer.ledger.alerts
    assert len(by_window) == len(layer.ledger.alerts)


def test_a_kill_between_the_two_commits_counts_nothing_twice(layer: SpeedLayer, kafka: ApacheKafka) -> None:
    """Results are in the database, Kafka is away and doesn't know, one member dies: nothing is off by one afterwards.

    The other member lives on, and goes on by itself when Kafka is back.
    """
    layer.ledger.feed(4_000)
    member, _ = layer.start(), layer.start()
    wait_until(lambda: layer.committed() > 0, "Kafka knows of some", seconds=60)
    kafka.stop()  # from now on no commit of Kafka's ends
    try:
        wait_until_still(layer)
        layer.kill(member)
    finally:
        kafka.start()
    wait_until(lambda: 0 < layer.committed() < layer.written(), "Kafka knows of less than the database")
    layer.start()
    layer.ledger.feed(500)
    layer.await_everything()
    layer.check_exact()


def wait_until_still(layer: SpeedLayer) -> None:
    """Wait until nothing was written for half a second."""
    written, since = layer.written(), time.monotonic()

    def is_still() -> bool:
        nonlocal written, since
        if layer.written() != written:
            written, since = layer.written(), time.monotonic()
        return time.monotonic() - since > 0.5

    wait_until(is_still, "the member stands still", seconds=30)


def test_a_second_member_joins_and_leaves(layer: SpeedLayer) -> None:
    """Partitions go to the one that comes and back from the one that goes, each with its windows."""
    # To the millisecond: of these the second and third are in one minute.
    for seconds in (59.999, 60.0, 119.999, 120.0):
        layer.ledger.send(layer.ledger.purchase("bob", seconds=seconds))
    layer.start()
    layer.await_everything()
    assert sorted(layer.totals().values()) == [1, 1, 2]
    second = layer.start()
    wait_until(lambda: partitions_of_members(layer) == [2, 2], "both have partitions", seconds=30)
    layer.ledger.feed(1_000)
    layer.await_everything()
    assert layer.end(second) == 0
    layer.ledger.feed(1_000)
    layer.await_everything()
    layer.check_exact()


def partitions_of_members(layer: SpeedLayer) -> list[int]:
    """How many of the topic's partitions each member of the group has."""
    admin = AdminClient({"bootstrap.servers": layer.ledger.bootstrap})
    group = admin.describe_consumer_groups([layer.group])[layer.group].result(20)
    if group.state is not ConsumerGroupState.STABLE:
        return []
    members = (member.assignment.topic_partitions for member in group.members)
    return sorted(sum(each.topic == layer.ledger.topic for each in member) for member in members)


def test_the_game_is_counted_and_an_alert_tells_its_cause(
    layer: SpeedLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tenth sword of a minute is the cause: its id and its trace are the alert's causationid and traceparent."""
    monkeypatch.setenv("FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS", layer.ledger.bootstrap)
    monkeypatch.setenv("FLASK_KAFKA_EVENTS_TOPIC", layer.ledger.topic)
    game = create_app()
    client = game.test_client()
    # In two minutes at worst, ten of the same one are among these.
    for _ in range(2 * ALERT_SWORDS - 1):
        client.get("/purchase_a_sword?player=ana", headers={"traceparent": TRACE})
    client.get("/purchase_a_knife?player=<script>")
    assert events.for_app(game).flush(20)
    stats = events.for_app(game).stats()
    events.for_app(game).close()
    layer.start()
    wait_until(
        lambda: sum(layer.kinds().values()) > stats.delivered, "all and the alert are counted", seconds=60
    )

    by_player: Counter[str] = Counter()
    for (_, player, _), purchases in layer.totals().items():
        by_player[player] += purchases
    assert by_player == {"ana": 2 * ALERT_SWORDS - 1, "<script>": 1}
    (alert,) = alerts_on(layer.ledger)
    ((id_, cause),) = layer.rows("SELECT id, cause_id FROM alerts")
    assert (alert.id, alert.attributes["causationid"]) == (id_, cause)
    assert str(alert.attributes["traceparent"]) == TRACE
    assert (alert.key, alert.source) == ("ana", "/speed_layer")


@requires("postgresql")
def test_results_go_to_postgresql_too(ledger: Ledger, tmp_path: Path) -> None:
    """With a URL in place of a file the same rows are in PostgreSQL, also after a kill."""
    ledger.feed(1_500)
    with postgres() as url, speed_layer(ledger, tmp_path, database=url) as layer:
        layer.start()
        wait_until(lambda: sum(layer.kinds().values()) > 0, "some are counted", seconds=30)
        layer.kill(layer.members[0])
        layer.check_whole()
        layer.start()
        layer.await_everything()
        layer.check_exact()
