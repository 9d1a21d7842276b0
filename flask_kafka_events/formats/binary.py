"""`cloudevents-binary`: the data as the value, the attributes as headers, for Kafka-native consumers.

Binary content mode: kafka-protocol-binding.md, section 3.2.
"""

from datetime import datetime
from typing import Final

import msgspec

from flask_kafka_events.attributes import AttributeValue
from flask_kafka_events.event import Event, Record

_JSON: Final = ("content-type", b"application/json")
_ENCODER: Final = msgspec.json.Encoder()


def to_record(event: Event) -> Record:
    """The record whose value is the event's data.

    An event without data has an empty value and no `content-type`, see section 3.2.2.
    """
    # Empty, not null: in a compacted topic null is a tombstone, and "left the game" would delete what came before.
    # Version 1.0.2 asks for neither (1.0.3's draft for null); CloudEvents' Python SDK reads both as "no data".
    data = b"" if event.data is None else event.data
    return Record(
        id=event.id,
        type=event.type,
        topic=event.topic,
        key=None if event.key is None else event.key.encode(),
        value=data,
        headers=(() if event.data is None else (_JSON,)) + context_headers(event),
    )


def context_headers(event: Event) -> tuple[tuple[str, bytes], ...]:
    """The attributes as `ce_*` headers (section 3.2.3), in the order of `Event.context`."""
    return tuple([(f"ce_{name}", _text(value)) for name, value in event.context().items()])


def _text(value: AttributeValue | datetime) -> bytes:
    if isinstance(value, str):
        return value.encode()
    # JSON's integers are CloudEvents' own ("Type System"), and its datetime is RFC 3339 in quotes: 0.2 µs where
    # isoformat() and replacing +00:00 take 0.9.
    return _ENCODER.encode(value).strip(b'"')
