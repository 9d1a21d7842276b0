"""`plain`: the event's type as the value, all else in headers.

A CloudEvent in binary content mode whose data is text: kafka-protocol-binding.md, section 3.2. What the user gave as
data stands in the header `data`, which CloudEvents leaves to us: its own begin with `ce_`.
"""

from typing import Final

from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats.binary import context_headers

_TEXT: Final = (("content-type", b"text/plain"),)


def to_record(event: Event) -> Record:
    """The record whose value is the event's type."""
    data = () if event.data is None else (("data", event.data),)
    return Record(
        id=event.id,
        type=event.type,
        topic=event.topic,
        key=None if event.key is None else event.key.encode(),
        value=event.type.encode(),
        headers=_TEXT + context_headers(event) + data,
    )
