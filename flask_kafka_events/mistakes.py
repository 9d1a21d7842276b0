"""What becomes of an event that can't be made: the ledger's word for the mistake, and the sentence about it."""

from collections.abc import Mapping
from typing import Final

from flask_kafka_events.delivery.shipment import Refusal
from flask_kafka_events.errors import (
    ConfigurationError,
    EncodingError,
    EventTooLarge,
    InvalidAttribute,
    InvalidKey,
    InvalidTopic,
    explanation,
)
from flask_kafka_events.outcomes import Loss

_REASONS: Final[Mapping[type[BaseException], str]] = {
    EncodingError: "encoding",
    InvalidKey: "key",
    InvalidTopic: "topic",
    InvalidAttribute: "attribute",
    EventTooLarge: "too_large",
    ConfigurationError: "not_configured",
}


def refusal_of(error: BaseException) -> Refusal:
    """The end of an event whose making raised this."""
    reason = _REASONS.get(error.__class__, "error")
    return Refusal(dropped=reason == "not_configured", reason=reason, explanation=explanation(error))


def loss_of(type: str, refusal: Refusal) -> Loss:
    """What is told of an event that ended before it had an id."""
    return Loss(
        dropped=refusal.dropped,
        reason=refusal.reason,
        type=type,
        id=None,
        record=None,
        explanation=refusal.explanation,
    )
