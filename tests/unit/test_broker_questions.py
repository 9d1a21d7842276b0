"""A broker that is asked and isn't there, with every version of confluent-kafka that users may have."""

import pytest

from flask_kafka_events import BrokerError
from flask_kafka_events.delivery.topics import Broker


def test_a_broker_that_is_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """It is no error of the client's own making, and librdkafka writes nothing to stderr."""
    broker = Broker(config={"bootstrap.servers": "127.0.0.1:9"}, lease=None, patience=0.3)
    with pytest.raises(BrokerError, match=r"\(_TRANSPORT\)"):
        broker.topics()
    assert capfd.readouterr() == ("", "")
