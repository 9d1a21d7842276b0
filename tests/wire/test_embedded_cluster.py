"""The mock cluster behind the embedded broker, in this process."""

from __future__ import annotations

import ctypes.util
import sys
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException, Producer

from flask_kafka_events.embedded.cluster import Cluster, librdkafka_path
from flask_kafka_events.errors import EmbeddedBrokerError
from tests.wire.embedded_broker import offsets, partitions, produce, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mock import MockerFixture


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster with the topic "orders"."""
    cluster = Cluster(librdkafka_path())
    cluster.create_topic("orders", 1)
    yield cluster
    cluster.close()


def test_a_topic_has_the_partitions_asked_for(cluster: Cluster) -> None:
    """A created topic has the number of partitions that was asked for."""
    assert cluster.create_topic("wide", 7)
    assert (partitions(cluster.address, "orders"), partitions(cluster.address, "wide")) == (1, 7)


def test_a_topic_that_exists_is_left_alone(cluster: Cluster) -> None:
    """Creating a topic again says so and changes neither its partitions nor its events."""
    produce(cluster.address, "orders", "first")
    assert not cluster.create_topic("orders", 7)
    assert partitions(cluster.address, "orders") == 1
    assert read(cluster.address, "orders", 1) == ["first"]


def test_a_partition_keeps_the_last_five_megabytes(cluster: Cluster) -> None:
    """Of ten, the older half is gone without a word: it is for development."""
    megabyte = "x" * 950_000
    assert produce(cluster.address, "orders", *[megabyte] * 10) == [""] * 10
    first, end = offsets(cluster.address, "orders")
    assert end == 10
    assert 4 <= end - first <= 6


def test_a_refused_request_is_sent_again(cluster: Cluster) -> None:
    """An event whose first two requests get a passing error arrives at the third, once."""
    cluster.refuse("Produce", "NOT_LEADER_FOR_PARTITION", 2)
    assert produce(cluster.address, "orders", "late", **{"retry.backoff.ms": 10}) == [""]
    assert read(cluster.address, "orders", 1) == ["late"]


def test_a_lasting_error_fails_the_event(cluster: Cluster) -> None:
    """An event that gets an error which sending again can't cure is reported as failed with that error."""
    cluster.refuse("Produce", "TOPIC_AUTHORIZATION_FAILED", 1)
    assert produce(cluster.address, "orders", "forbidden") == ["TOPIC_AUTHORIZATION_FAILED"]


def test_refusals_can_be_forgotten(cluster: Cluster) -> None:
    """After the refusals are forgotten the next event arrives."""
    cluster.refuse("Produce", "TOPIC_AUTHORIZATION_FAILED", 100)
    cluster.accept("Produce")
    assert produce(cluster.address, "orders", "welcome") == [""]


def test_an_unknown_error_is_refused(cluster: Cluster) -> None:
    """An error that librdkafka doesn't know is refused with examples of those it does."""
    with pytest.raises(
        EmbeddedBrokerError, match=r"knows no error 'SULKING'.*NOT_LEADER_FOR_PARTITION or _TRANSPORT"
    ):
        cluster.refuse("Produce", "SULKING", 1)


def test_a_topic_fails_until_it_is_healed(cluster: Cluster) -> None:
    """A topic with an error fails its events, and takes them again when the error is taken away."""
    cluster.fail_topic("orders", "TOPIC_AUTHORIZATION_FAILED")
    assert produce(cluster.address, "orders", "forbidden") == ["TOPIC_AUTHORIZATION_FAILED"]
    cluster.fail_topic("orders", None)
    assert produce(cluster.address, "orders", "welcome") == [""]


def test_failing_a_topic_that_is_missing_gives_it_one_partition(cluster: Cluster) -> None:
    """A topic that is made by putting an error on it has one partition as any other."""
    cluster.fail_topic("new", "LEADER_NOT_AVAILABLE")
    cluster.fail_topic("new", None)
    assert partitions(cluster.address, "new") == 1


def test_a_broker_that_is_down_comes_back_with_its_events(cluster: Cluster) -> None:
    """A broker that is down can't be reached; up again it has its address and its events."""
    produce(cluster.address, "orders", "before")
    cluster.down()
    with pytest.raises(KafkaException):
        Producer({"bootstrap.servers": cluster.address, "log_level": 0}).list_topics(timeout=0.3)
    cluster.up()
    assert read(cluster.address, "orders", 1) == ["before"]


def test_the_round_trip_delays_answers(cluster: Cluster) -> None:
    """With a round-trip time no event is acknowledged sooner."""
    cluster.round_trip(300)
    started = time.monotonic()
    assert produce(cluster.address, "orders", "slow") == [""]
    assert time.monotonic() - started >= 0.3


def test_a_library_without_a_mock_cluster_is_told(tmp_path: Path) -> None:
    """A library that lacks a needed function is named together with the function."""
    with pytest.raises(
        EmbeddedBrokerError, match=r"is no librdkafka.*rd_kafka_conf_new.*Install another version"
    ):
        Cluster(str(ctypes.util.find_library("c")))


def test_a_missing_library_is_told(tmp_path: Path) -> None:
    """A file that can't be loaded as a library is named with the reason."""
    with pytest.raises(EmbeddedBrokerError, match=r"nowhere\.so is no librdkafka"):
        Cluster(str(tmp_path / "nowhere.so"))


def test_without_confluent_kafka_the_error_says_what_to_install(mocker: MockerFixture) -> None:
    """Where confluent-kafka can't be imported, the error says to install it or to name a real broker."""
    mocker.patch.dict(sys.modules, {"confluent_kafka.cimpl": None})
    with pytest.raises(
        EmbeddedBrokerError, match=r"Install confluent-kafka, or set KAFKA_EVENTS_BOOTSTRAP_SERVERS"
    ):
        librdkafka_path()
