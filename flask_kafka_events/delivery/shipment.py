"""A record on its way, and who waits for its end."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Literal, Protocol, TypeAlias

import msgspec

from flask_kafka_events.event import Record
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.outcomes import Delivery, Loss


class Origin(Protocol):
    """The journal file that a record belongs to: told of its end."""

    def settle(self, shipment: "Shipment") -> None:
        """The broker has it."""
        ...

    def bury(self, shipment: "Shipment", refusal: "Refusal") -> None:
        """It was refused for good."""
        ...

    def give_back(self, shipment: "Shipment") -> bool:
        """It waits for another process; False where it can't."""
        ...


class Shipment(msgspec.Struct, kw_only=True, eq=False):
    """One record between its acceptance and its end.

    Attributes:
        record: what is sent.
        number: its place in the order of acceptance; a rebuilt producer sends again in this order.
        waiter: resolved with the `Delivery` or a `Refusal`, where somebody waits.
        emitted_in: the names of the signals in whose receivers it was emitted, which don't hear of its end.
        source: the journal file that it belongs to, where there is one.
        seq: its place in that file.
        at_once: whether it was handed on without waiting in the file for its turn.
        kept_in: where a journal keeps it; None where it is only in the queue.
        is_letter: whether it was refused for good, and is a dead letter once that is in its file.
        interruption: what a signal handler raised while it was accepted; raised again once that is over.
        is_entered: whether the ledger has counted it.
        is_admitted: whether it has taken a place.
        is_over: whether its end was told, or that it stays pending. An interrupted `produce` is made again, and a second report ends nothing.
    """

    record: Record
    number: int = -1
    waiter: "Future[Delivery | Refusal] | None" = None
    emitted_in: frozenset[str] = frozenset()
    source: "Origin | None" = None
    seq: int = 0
    at_once: bool = False
    kept_in: Literal["slot", "file", "memory"] | None = None
    is_letter: bool = False
    interruption: BaseException | None = None
    is_entered: bool = False
    is_admitted: bool = False
    is_over: bool = False

    def leave_pending(self) -> None:
        """Tell who waits that the record is safe and will be sent, by another process: for them that is a time-out."""
        self.is_over = True
        if self.waiter is not None:
            self.waiter.set_exception(FutureTimeout())

    def is_handed_on(self) -> bool:
        """Whether the gate has it."""
        return self.number >= 0

    def is_on_disk(self) -> bool:
        """Whether another process would find it."""
        return self.kept_in in ("slot", "file")

    def is_kept(self) -> bool:
        """Whether it was accepted: a journal has it, as what it is or as a dead letter, or the gate."""
        return self.kept_in is not None or self.is_letter or self.is_handed_on()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a record won't be acknowledged.

    Attributes:
        dropped: True where it was given up before the broker had it, False where it was refused.
        reason: the ledger's word.
        explanation: one sentence with the next step.
        dead: True where the journal keeps it as a dead letter.
    """

    dropped: bool
    reason: str
    explanation: str
    dead: bool = False

    def loss_of(self, record: Record) -> Loss:
        """What is told of a record that ends so."""
        return Loss(
            dropped=self.dropped,
            dead=self.dead,
            reason=self.reason,
            type=record.type,
            id=record.id,
            record=record,
            explanation=f"{self.explanation} (topic {record.topic!r})",
        )


#: A shipment that was refused, and why.
Ended: TypeAlias = tuple[Shipment, Refusal]

#: How many shipments were handed on, and those that were refused for good, of which nobody has been told yet.
Moved: TypeAlias = tuple[int, list[Ended]]

Settle: TypeAlias = Callable[[Shipment, Delivery | Refusal], None]


class Announce(Protocol):
    """Tells an app the end of an event, before the ledger counts it; doesn't raise."""

    def __call__(
        self,
        ledger: Ledger,
        end: Delivery | Loss,
        *,
        emitted_in: frozenset[str] = ...,
        record: Record | None = ...,
    ) -> None:
        """Tell it; `record` is the delivered one, a loss carries its own."""


CLOSED = Refusal(
    dropped=True,
    reason="closed",
    explanation="It was emitted after KafkaEvents was closed. Emit before close().",
)

UNSENT = Refusal(
    dropped=True,
    reason="closed",
    explanation="The broker had not acknowledged it when KafkaEvents was closed. Was it reachable? What else was in the "
    "way is told in earlier lines of the log. KAFKA_EVENTS_CLOSE_SECONDS says how long the end waits for it.",
)

QUEUE_FULL = Refusal(
    dropped=True,
    reason="queue_full",
    explanation="The queue has no place left for its topic, which may hold half of it. Is the broker down? Raise KAFKA_EVENTS_QUEUE_EVENTS or "
    "KAFKA_EVENTS_QUEUE_BYTES (with a journal: KAFKA_EVENTS_JOURNAL_MAX_BYTES) to bridge longer outages.",
)

TOO_LARGE = Refusal(
    dropped=False,
    reason="too_large",
    explanation="With its attributes it is larger than KAFKA_EVENTS_MAX_EVENT_BYTES. Put less into it, or raise that "
    "and the topic's max.message.bytes.",
)

INTERRUPTED = Refusal(
    dropped=True,
    reason="interrupted",
    explanation="A signal handler raised while it was being accepted. Emit it again, or give the work more time.",
)

JOURNAL_DAMAGED = Refusal(
    dropped=False,
    reason="journal_damaged",
    explanation="The journal file that it waited in is damaged and it could not be read again. Check the disk.",
)
