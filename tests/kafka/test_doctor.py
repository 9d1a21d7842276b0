"""`flask kafka-events doctor` on Apache Kafka: what only a real broker tells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.kafka.apache_kafka import ApacheKafka, free_port
from tests.kafka.cluster import PASSWORD, USER, KafkaCluster
from tests.kafka.jars import kafka_jars
from tests.parts import need
from tests.processes import wait_until
from tests.unit.diagnosis import diagnosed, found, good_app, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

SECONDS = 30


def on(bootstrap: str, topic: str, **settings: Any) -> Flask:
    """A good app whose events go to this topic."""
    return good_app(BOOTSTRAP_SERVERS=bootstrap, TOPIC=topic, **settings)


def create(bootstrap: str, topic: str, *, partitions: int = 1, replicas: int = 1, **config: str) -> None:
    """Make a topic; underscores in the names of its properties are dots."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(
        topic, partitions, replicas, config={name.replace("_", "."): value for name, value in config.items()}
    )
    admin.create_topics([new])[topic].result(SECONDS)

    def is_led() -> bool:
        known = admin.list_topics(timeout=SECONDS).topics.get(topic)
        led = known is not None and all(each.leader >= 0 for each in known.partitions.values())
        return led and known is not None and len(known.partitions) == partitions

    wait_until(is_led, f"{topic} is led", seconds=SECONDS)


def only_finding(app: Flask, *words: str) -> dict[str, Any]:
    """Of an app with one fault."""
    (finding,) = diagnosed(lambda: app, *words)["findings"]
    assert isinstance(finding, dict)
    return finding


def test_good_app_has_nothing_wrong(kafka: ApacheKafka) -> None:
    """A broker of one's own, as it comes, with a topic of one partition."""
    create(kafka.bootstrap, "doctor_good")
    assert said(lambda: on(kafka.bootstrap, "doctor_good"), "--strict").endswith("Nothing is wrong.\n")


def test_missing_topic_is_named(kafka: ApacheKafka) -> None:
    """This broker makes none by itself."""
    finding = only_finding(on(kafka.bootstrap, "doctor_mistyped"))
    assert (finding["check"], finding["severity"]) == ("topic-missing", "error")


def test_small_messages_are_named(kafka: ApacheKafka) -> None:
    """A topic that takes 100 kB while an event may have 1 MB."""
    create(kafka.bootstrap, "doctor_small", max_message_bytes="100000")
    finding = only_finding(on(kafka.bootstrap, "doctor_small"))
    assert finding["check"] == "topic-max-message-bytes"
    assert "100000" in finding["problem"]
    assert found(lambda: on(kafka.bootstrap, "doctor_small", MAX_EVENT_BYTES=90_000)) == []


def test_compacted_topic_is_named(kafka: ApacheKafka) -> None:
    """It takes no event without a key."""
    create(kafka.bootstrap, "doctor_compact", cleanup_policy="compact")
    app = on(kafka.bootstrap, "doctor_compact", TYPES={"bought": {"key": "player"}})
    assert found(lambda: app) == []
    keyless = on(kafka.bootstrap, "doctor_compact")
    keyless.view_functions["buy"] = _keyless()
    assert only_finding(keyless)["check"] == "topic-compaction"


def test_event_from_the_future_is_named(kafka: ApacheKafka) -> None:
    """Somebody's clock is wrong."""
    create(kafka.bootstrap, "doctor_clock")
    assert found(lambda: on(kafka.bootstrap, "doctor_clock")) == []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    producer.produce("doctor_clock", b"{}", timestamp=int((time.time() + 900) * 1000))
    assert producer.flush(SECONDS) == 0
    finding = only_finding(on(kafka.bootstrap, "doctor_clock"))
    assert finding["check"] == "clock"


def test_advertised_address_is_tried(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A broker that is reached at one port and says it is at another, as in a container."""
    need("java", "maven")
    broker = ApacheKafka(jars=kafka_jars(), directory=tmp_path_factory.mktemp("apache-kafka"))
    broker.write_settings()
    wrong = f"127.0.0.1:{free_port()}"
    text = broker.settings.read_text()
    broker.settings.write_text(
        text.replace(
            f"advertised.listeners=PLAINTEXT://{broker.bootstrap}",
            f"advertised.listeners=PLAINTEXT://{wrong}",
        )
    )
    broker.format()
    try:
        broker.start()
        finding = only_finding(on(broker.bootstrap, "never"))
    finally:
        broker.stop()
    assert (finding["check"], finding["where"]) == ("advertised-address", wrong)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three brokers with rights, passwords and certificates."""
    need("java", "maven", "openssl")
    with KafkaCluster(jars=kafka_jars(), directory=tmp_path_factory.mktemp("kafka-cluster")) as running:
        yield running


def secure(cluster: KafkaCluster, topic: str, **properties: str) -> Flask:
    """An app that shows the brokers its user and password."""
    given = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(cluster.authority.certificate),
        **properties,
    }
    return on(cluster.secure, topic, PRODUCER=given)


def test_replicas_and_partitions_are_named(cluster: KafkaCluster) -> None:
    """Of three brokers: one replica, one that must be in sync, all that must be, and what is right."""
    bootstrap = cluster.bootstrap
    create(bootstrap, "alone", partitions=3)
    create(bootstrap, "one", partitions=3, replicas=3, min_insync_replicas="1")
    create(bootstrap, "all", partitions=3, replicas=3, min_insync_replicas="3")
    create(bootstrap, "few", partitions=1, replicas=3, min_insync_replicas="2")
    create(bootstrap, "good", partitions=3, replicas=3, min_insync_replicas="2")
    said_of = {name: only_finding(on(bootstrap, name)) for name in ("alone", "one", "all", "few")}
    assert [each["check"] for each in said_of.values()] == ["topic-replicas"] * 3 + ["topic-partitions"]
    assert "One broker alone" in said_of["alone"]["problem"]
    assert "one broker alone has" in said_of["one"]["problem"]
    assert "All its 3 replicas" in said_of["all"]["problem"]
    assert found(lambda: on(bootstrap, "good")) == []
    assert found(lambda: secure(cluster, "good")) == []


def test_too_few_in_sync_are_named(cluster: KafkaCluster) -> None:
    """With a broker down a topic that needs all three takes no event."""
    create(cluster.bootstrap, "down", partitions=2, replicas=3, min_insync_replicas="3")
    cluster.kill(3)
    try:
        wait_until(lambda: _in_sync(cluster, "down") == 2, "the third replica is given up", seconds=60)
        finding = diagnosed(lambda: on(cluster.bootstrap, "down"))["findings"][0]
    finally:
        cluster.start(3)
    assert (finding["check"], finding["severity"]) == ("topic-replicas", "error")
    assert "2 of 3 replica(s) are in sync, and 3 must be" in finding["problem"]


def test_missing_rights_are_named(cluster: KafkaCluster) -> None:
    """A user who may not write, one who may not see, and one who may but isn't told of the limits."""
    rights = {
        "read_only": (AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS),
        "hidden": (AclOperation.DESCRIBE_CONFIGS,),
        "write_only": (AclOperation.WRITE,),
    }
    for name, operations in rights.items():
        create(cluster.bootstrap, name, partitions=3, replicas=3, min_insync_replicas="2")
        allow(cluster, name, *operations)
    assert only_finding(secure(cluster, "read_only"))["problem"] == "The app's user may not write to it."
    assert only_finding(secure(cluster, "hidden"))["problem"].startswith("The app's user may not see it")
    assert only_finding(secure(cluster, "write_only"))["check"] == "topic-unseen"


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"sasl.password": "c4nary"}, "sasl.password"),
        ({"ssl.ca.location": "probe"}, "ssl.ca.location"),
        ({"security.protocol": "sasl_plaintext"}, "security.protocol"),
    ],
    ids=["password", "certificate", "no TLS"],
)  # fmt: skip
def test_refused_app_is_named(cluster: KafkaCluster, properties: dict[str, str], named: str) -> None:
    """Each with the property that is to be corrected, and no secret."""
    finding = only_finding(secure(cluster, "good", **properties), "--wait", "2")
    assert finding["check"] == "broker-refuses"
    assert named in finding["next_step"]
    assert "c4nary" not in str(finding)


def allow(cluster: KafkaCluster, topic: str, *operations: AclOperation) -> None:
    """Give the app's user these rights on a topic, and nobody any other."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    bindings = [
        AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        for operation in operations
    ]
    for made in admin.create_acls(bindings).values():
        made.result(SECONDS)


def _in_sync(cluster: KafkaCluster, topic: str) -> int:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    return min(
        len(each.isrs) for each in admin.list_topics(timeout=SECONDS).topics[topic].partitions.values()
    )


def _keyless() -> Any:
    from flask_kafka_events import emit_event  # here, for one test alone

    return emit_event("sold")(lambda: "sold")
