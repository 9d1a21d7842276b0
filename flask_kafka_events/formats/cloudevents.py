"""`cloudevents`: the whole event as JSON, readable with anything.

Structured content mode: kafka-protocol-binding.md, section 3.3; formats/json-format.md, section 3.
"""

from typing import Any, Final

import msgspec

from flask_kafka_events.event import Event, Record

_HEADERS: Final = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
_ENCODER: Final = msgspec.json.Encoder()


def to_record(event: Event) -> Record:
    """The record whose value is the event as a JSON object."""
    envelope: dict[str, Any] = event.context()
    if event.data is not None:
        envelope["datacontenttype"] = "application/json"
        envelope["data"] = msgspec.Raw(event.data)
    return Record(
        id=event.id,
        type=event.type,
        topic=event.topic,
        key=None if event.key is None else event.key.encode(),
        value=_ENCODER.encode(envelope),
        headers=_HEADERS,
    )
