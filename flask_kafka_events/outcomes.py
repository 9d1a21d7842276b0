"""How an event ends: acknowledged, or lost with a reason."""

from dataclasses import dataclass
from typing import Literal

from flask_kafka_events.event import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """The broker's acknowledgement of one event.

    Attributes:
        topic: where it is.
        partition: the partition that its key, or chance where it has none, chose.
        offset: its place in the partition.

    .. versionadded:: 0.1
    """

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """One event that won't reach the broker, as `event_failed` and `event_dropped` carry it.

    Attributes:
        dropped: True where it was given up before the broker had it, False where it can't be made or was refused.
        dead: True where it was refused for good and the journal keeps it: `flask kafka-events journal dead ls`.
        reason: the ledger's word for it: `"queue_full"`, `"encoding"`, Kafka's `"MSG_SIZE_TOO_LARGE"`, ...
        type: the event's type.
        id: the event's id, None where it was lost before it got one.
        record: what would have been sent, None where it was lost before it was formatted. A receiver may keep it
            elsewhere and send it later with the same id.
        explanation: one sentence for a log; it holds no value of the event's data.

    .. versionadded:: 0.1
    """

    dropped: bool
    dead: bool = False
    reason: str
    type: str
    id: str | None
    record: Record | None
    explanation: str

    @property
    def outcome(self) -> Literal["failed", "dropped", "dead"]:
        """What the ledger counts it as."""
        return "dead" if self.dead else "dropped" if self.dropped else "failed"
