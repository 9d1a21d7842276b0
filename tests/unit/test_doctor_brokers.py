"""What `flask kafka-events doctor` makes of what the brokers tell."""

import socket
import time
from typing import Any

import pytest

from flask_kafka_events.doctor.broker_checks import check_cluster, not_asked
from flask_kafka_events.doctor.cluster import why_away
from flask_kafka_events.doctor.facts import Cluster, Partition, Topic
from flask_kafka_events.doctor.finding import Finding
from flask_kafka_events.doctor.topic_checks import check_topics
from flask_kafka_events.errors import EmbeddedBrokerError
from flask_kafka_events.settings import Settings

#: As Kafka 4 has it where nobody changes it.
CONFIG = {"min.insync.replicas": "2", "max.message.bytes": "1048588", "cleanup.policy": "delete"}


def partitions(count: int = 3, **facts: int) -> tuple[Partition, ...]:
    """So many that are well, but for what is said of them."""
    return tuple(
        Partition(**{"number": number, "leader": 1, "replicas": 3, "in_sync": 3, **facts})
        for number in range(count)
    )


def topic(**facts: Any) -> Topic:
    """A topic that is well, but for what is said of it."""
    return Topic(**{"name": "shop_events", "partitions": partitions(), "config": CONFIG, **facts})


def cluster(*topics: Topic, makes_topics: bool | None = False, unseen: str = "", brokers: int = 3) -> Cluster:
    """Some brokers that are well."""
    addresses = {number: f"kafka-{number}:9092" for number in range(1, brokers + 1)}
    return Cluster(addresses=addresses, away={}, topics=topics, makes_topics=makes_topics, unseen=unseen)


def findings(known: Cluster, keyless: str | None = None) -> list[Finding]:
    """What is wrong with the topics."""
    return list(check_topics(known, Settings(), {"shop_events": keyless} if keyless else {}))


@pytest.mark.parametrize(
    "known",
    [
        cluster(topic()),
        cluster(topic(rights=frozenset({"WRITE", "DESCRIBE"}), newest=time.time())),
        cluster(topic(config={}, partitions=partitions(6))),
        cluster(topic(config=CONFIG | {"min.insync.replicas": "1"}, partitions=partitions(1, replicas=1, in_sync=1)), brokers=1),
    ],
    ids=["usual", "rights", "unseen", "one broker"],
)  # fmt: skip
def test_good_topics_yield_nothing(known: Cluster) -> None:
    """Three brokers with all that is advised, what can't be seen, and a single broker."""
    assert findings(known, keyless="sold") == []


@pytest.mark.parametrize(
    ("facts", "check", "severity", "named"),
    [
        ({"exists": False}, "topic-missing", "error", "topics create shop_events"),
        ({"exists": False, "is_hidden": True}, "topic-rights", "error", "may not see it"),
        ({"rights": frozenset({"READ", "DESCRIBE"})}, "topic-rights", "error", "may not write"),
        ({"partitions": partitions(leader=-1)}, "topic-leader", "error", "partition(s) 0, 1, 2"),
        ({"partitions": partitions(2)}, "topic-partitions", "note", "2 partition(s) on 3 brokers"),
        ({"partitions": partitions(in_sync=1)}, "topic-replicas", "error", "1 of 3 replica(s)"),
        (
            {"partitions": partitions(replicas=1, in_sync=1), "config": {}},
            "topic-replicas",
            "warning",
            "One broker alone",
        ),
        (
            {"partitions": partitions(replicas=2, in_sync=2)},
            "topic-replicas",
            "warning",
            "All its 2 replicas",
        ),
        (
            {"config": CONFIG | {"min.insync.replicas": "1"}},
            "topic-replicas",
            "warning",
            "one broker alone has",
        ),
        ({"config": CONFIG | {"max.message.bytes": "1000000"}}, "topic-max-message-bytes", "warning", "1000000"),
        ({"config": CONFIG | {"cleanup.policy": "compact"}}, "topic-compaction", "error", "'sold'"),
        ({"newest": time.time() + 500}, "clock", "warning", "ahead of this machine's clock"),
    ],
)  # fmt: skip
def test_fault_of_a_topic_is_named(facts: dict[str, Any], check: str, severity: str, named: str) -> None:
    """One fault is one finding, with the topic's name."""
    (finding,) = findings(cluster(topic(**facts)), keyless="sold")
    assert (finding.check, finding.severity) == (check, severity)
    assert finding.where == "topic 'shop_events'"
    assert named in f"{finding.problem} {finding.next_step}"


def test_missing_topic_is_milder_where_brokers_make_them() -> None:
    """It will be there, with nobody's choice of partitions."""
    (finding,) = findings(cluster(topic(exists=False), makes_topics=True))
    assert (finding.check, finding.severity) == ("topic-missing", "warning")
    assert "Its first event makes it" in finding.problem


def test_what_cannot_be_seen_is_told() -> None:
    """Silence would be taken for health."""
    (finding,) = findings(cluster(topic(config={}), unseen="Topic authorization failed"))
    assert (finding.check, finding.severity) == ("topic-unseen", "note")
    assert "Topic authorization failed" in finding.problem


def test_address_where_nobody_is_is_named() -> None:
    """A broker tells clients where it is, and may be wrong."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert why_away(("127.0.0.1", port)) == ""
    why = why_away(("127.0.0.1", port))
    assert why == "Connection refused"
    known = Cluster(addresses={1: "kafka:29092"}, away={1: why}, topics=(), makes_topics=None, unseen="")
    (finding,) = check_cluster(known)
    assert (finding.check, finding.where) == ("advertised-address", "kafka:29092")
    assert "says it is at kafka:29092: Connection refused" in finding.problem


def test_embedded_broker_that_cannot_be_started_is_named() -> None:
    """Its error is the finding."""
    finding = not_asked(EmbeddedBrokerError("The embedded broker ended at once."))
    assert (finding.check, finding.problem) == ("broker-unreachable", "The embedded broker ended at once.")
