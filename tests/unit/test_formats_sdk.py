"""The CloudEvents SDK reads what we write."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_kafka_events.event import Record
from flask_kafka_events.formats import FORMATS

from .event_strategies import BARE, SWORD

SDK_EVENT = Callable[[Record], Any]
ATTRIBUTES = {
    "specversion": "1.0",
    "id": SWORD.id,
    "source": "/game",
    "type": "purchased_sword",
    "time": SWORD.time,
    "subject": "swords",
    "partitionkey": "ana",
    "httpmethod": "POST",
}


@pytest.fixture
def sdk_read() -> SDK_EVENT:
    """Reads a record by the SDK of CloudEvents, which finds out the mode by itself."""
    kafka = pytest.importorskip(
        "cloudevents.core.bindings.kafka", reason="needs cloudevents 2: see requirements/dev.txt"
    )

    def read(record: Record) -> Any:
        message = kafka.KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
        return kafka.from_kafka_event(message)

    return read


def test_sdk_reads_structured_mode(sdk_read: SDK_EVENT) -> None:
    """All attributes of `cloudevents`, with their types, and the data."""
    found = sdk_read(FORMATS["cloudevents"](SWORD))
    assert found.get_attributes() == {**ATTRIBUTES, "httpstatus": 200, "datacontenttype": "application/json"}
    assert found.get_data() == {"color": "red", "price": 12}


def test_sdk_reads_binary_mode(sdk_read: SDK_EVENT) -> None:
    """All attributes of `cloudevents-binary`, and the data."""
    found = sdk_read(FORMATS["cloudevents-binary"](SWORD))
    assert found.get_attributes() == {
        **ATTRIBUTES,
        "httpstatus": "200",
        "datacontenttype": "application/json",
    }
    assert found.get_data() == {"color": "red", "price": 12}


def test_sdk_reads_plain(sdk_read: SDK_EVENT) -> None:
    """`plain` is a CloudEvent too: all attributes, and the type as its text."""
    found = sdk_read(FORMATS["plain"](SWORD))
    assert found.get_attributes() == {**ATTRIBUTES, "httpstatus": "200", "datacontenttype": "text/plain"}
    assert found.get_data() == "purchased_sword"


@pytest.mark.parametrize("name", ["cloudevents", "cloudevents-binary"])
def test_sdk_reads_an_event_without_data(sdk_read: SDK_EVENT, name: str) -> None:
    """Without data, key and subject the SDK finds none, and no content type."""
    found = sdk_read(FORMATS[name](BARE))
    assert found.get_data() is None
    assert found.get_attributes().keys() == {"specversion", "id", "source", "type", "time"}
