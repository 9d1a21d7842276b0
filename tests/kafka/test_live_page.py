"""The game's live page on Apache Kafka itself."""

from __future__ import annotations

import uuid

from confluent_kafka.admin import AdminClient

from tests.examples.live_stream import playing_on
from tests.kafka.apache_kafka import ApacheKafka
from tests.processes import wait_until


def test_events_come_and_a_dropped_line_is_taken_up(kafka: ApacheKafka) -> None:
    """Of a topic with three partitions a reader that comes again gets what it lacks, and nothing twice."""
    topic = f"live-{uuid.uuid4()}"
    kafka.create_topic(topic, partitions=3)
    places: list[tuple[int, int]] = []
    with playing_on(kafka.bootstrap, KAFKA_EVENTS_TOPIC=topic) as game:
        with game.stream() as stream:
            stream.until("snapshot")
            for number in range(10):
                game.get("/purchase_a_sword", player=str(number))
            rows = stream.rows(7)
            assert all(row["seen"] - row["time"] < 5 for row in rows)
            places += [(row["partition"], row["offset"]) for row in rows]
            last = stream.last
        for number in range(10):
            game.get("/join_guild", player=str(number))
        with game.stream(last=last) as stream:
            places += [(row["partition"], row["offset"]) for row in stream.rows(13)]
    assert len(set(places)) == 20
    assert {partition for partition, _ in places} == {0, 1, 2}


def test_topic_that_is_made_anew_is_a_new_beginning(kafka: ApacheKafka) -> None:
    """Its offsets begin at 0 again: readers are told so, and get its events."""
    topic = f"live-{uuid.uuid4()}"
    kafka.create_topic(topic)
    with playing_on(kafka.bootstrap, KAFKA_EVENTS_TOPIC=topic) as game, game.stream(timeout=60) as stream:
        stream.until("snapshot")
        for _ in range(3):
            game.get("/")
        stream.rows(3)
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.delete_topics([topic])[topic].result(20)
        wait_until(lambda: topic not in admin.list_topics(timeout=5).topics, "it is gone")
        kafka.create_topic(topic)
        game.get("/join_guild")
        rows = stream.until("snapshot").data["rows"] or stream.rows(1)
    assert [(row["type"], row["offset"]) for row in rows] == [("joined_guild", 0)]
