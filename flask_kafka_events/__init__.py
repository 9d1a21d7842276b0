"""Flask route events on Apache Kafka: one decorator, nothing lost silently."""

from flask_kafka_events.app_events import AppEvents
from flask_kafka_events.decorator import emit_event
from flask_kafka_events.drafts import Outcome, current_event
from flask_kafka_events.errors import (
    BrokerError,
    ConfigurationError,
    DeliveryError,
    DeliveryFailed,
    DeliveryTimeout,
    EmbeddedBrokerError,
    EncodingError,
    EventError,
    EventTooLarge,
    InvalidAttribute,
    InvalidKey,
    InvalidTopic,
    KafkaEventsError,
    MisplacedDecorator,
    NoCurrentEvent,
    NotInitialised,
    QueueFull,
)
from flask_kafka_events.event import Event, Record
from flask_kafka_events.extension import KafkaEvents
from flask_kafka_events.health import Health, HealthReason
from flask_kafka_events.health_page import health_blueprint
from flask_kafka_events.ledger import Stats
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.signals import event_created, event_delivered, event_dropped, event_failed

__all__ = [
    "AppEvents",
    "BrokerError",
    "ConfigurationError",
    "Delivery",
    "DeliveryError",
    "DeliveryFailed",
    "DeliveryTimeout",
    "EmbeddedBrokerError",
    "EncodingError",
    "Event",
    "EventError",
    "EventTooLarge",
    "Health",
    "HealthReason",
    "InvalidAttribute",
    "InvalidKey",
    "InvalidTopic",
    "KafkaEvents",
    "KafkaEventsError",
    "Loss",
    "MisplacedDecorator",
    "NoCurrentEvent",
    "NotInitialised",
    "Outcome",
    "QueueFull",
    "Record",
    "Stats",
    "current_event",
    "emit_event",
    "event_created",
    "event_delivered",
    "event_dropped",
    "event_failed",
    "health_blueprint",
]
