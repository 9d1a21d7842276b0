"""A record on its way, and who waits for its end."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from flask_kafka_events.event import Record
from flask_kafka_events.outcomes import Delivery


@dataclass(slots=True, kw_only=True, eq=False)
class Shipment:
    """One record between its acceptance and its end.

    Attributes:
        record: what is sent.
        number: its place in the order of acceptance; a rebuilt producer sends again in this order.
        waiter: resolved with the `Delivery` or a `Refusal`, where somebody waits.
        emitted_in: the names of the signals in whose receivers it was emitted, which don't hear of its end.
    """

    record: Record
    number: int = -1
    waiter: "Future[Delivery | Refusal] | None" = None
    emitted_in: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a record won't be acknowledged.

    Attributes:
        dropped: True where it was given up before the broker had it, False where it was refused.
        reason: the ledger's word.
        explanation: one sentence with the next step.
    """

    dropped: bool
    reason: str
    explanation: str


Settle: TypeAlias = Callable[[Shipment, Delivery | Refusal], None]

CLOSED = Refusal(
    dropped=True,
    reason="closed",
    explanation="It was emitted after KafkaEvents was closed. Emit before close().",
)

UNSENT = Refusal(
    dropped=True,
    reason="closed",
    explanation="The broker had not acknowledged it when KafkaEvents was closed. Was it reachable? "
    "KAFKA_EVENTS_CLOSE_SECONDS says how long the end waits for it.",
)
