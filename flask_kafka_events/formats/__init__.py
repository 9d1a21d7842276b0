"""The forms an event takes on Kafka, by the names of `KAFKA_EVENTS_FORMAT`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats import binary, cloudevents, plain

FORMATS: Final[Mapping[str, Callable[[Event], Record]]] = MappingProxyType(
    {
        "cloudevents": cloudevents.to_record,
        "cloudevents-binary": binary.to_record,
        "plain": plain.to_record,
    }
)
