"""The forms an event takes on Kafka, by the names of `KAFKA_EVENTS_FORMAT`, and the way back."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats import binary, cloudevents, plain
from flask_kafka_events.formats.reading import read, read_record

__all__ = ["FORMATS", "read", "read_record"]

FORMATS: Final[Mapping[str, Callable[[Event], Record]]] = MappingProxyType(
    {
        "cloudevents": cloudevents.to_record,
        "cloudevents-binary": binary.to_record,
        "plain": plain.to_record,
    }
)
