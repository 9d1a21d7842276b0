"""What asks a broker questions says so where there is none, with every version of confluent-kafka that users may have."""

import pytest

from flask_kafka_events.delivery.topics import Broker
from flask_kafka_events.doctor.cluster import NoAnswer, read_cluster
from flask_kafka_events.errors import BrokerError

NOBODY = Broker(config={"bootstrap.servers": "127.0.0.1:1"}, lease=None, patience=0.2)


def test_topics_of_nobody_are_an_error() -> None:
    """With the next step."""
    with pytest.raises(BrokerError, match="Check that Kafka is running"):
        NOBODY.topics()


def test_questions_of_doctor_to_nobody_are_an_error() -> None:
    """Nobody is there at all: not even connections are taken."""
    with pytest.raises(NoAnswer) as caught:
        read_cluster(NOBODY, ["shop_events"])
    assert (caught.value.is_away, caught.value.open_at) == (True, "")
