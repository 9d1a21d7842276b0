"""What a program finds in a line of our log: its kind, and what it is about, as fields of the record."""

from typing import Final, Literal, TypeAlias

import msgspec

#: Every kind of line that this package writes; `docs/reference/logging.md` tells when.
Kind: TypeAlias = Literal[
    "broker_error",
    "configuration",
    "counters_unwritten",
    "dead_letters",
    "dead_letters_lost",
    "embedded_broker",
    "handed_over",
    "hook_failed",
    "journal_adopted",
    "journal_damaged",
    "journal_lock_remade",
    "journal_replaced",
    "journal_trouble",
    "keyless",
    "librdkafka",
    "losses",
    "metrics_failed",
    "misplaced_decorator",
    "no_offset",
    "passthrough",
    "poller_failed",
    "producer_trouble",
    "receiver_answer",
    "receiver_failed",
    "setting_failed",
    "spans_unended",
    "tracer_failed",
    "undecided",
]

#: Before the name of each field in a `logging.LogRecord`: the app's own lines have others.
PREFIX: Final = "kafka_events_"


class Line(msgspec.Struct, frozen=True):
    """One line's fields; those that are None aren't there. None holds a payload or a secret.

    Attributes:
        line: its kind.
        reason: the ledger's word for what became of events.
        count: how many events, dead letters or spans.
        type: an event's type.
        id: an event's id.
        topic: a topic.
        error: Kafka's name for an error, or an exception's class.
        about: the file, signal, setting, function or address that it is about.
    """

    line: Kind
    reason: str | None = None
    count: int | None = None
    type: str | None = None
    id: str | None = None
    topic: str | None = None
    error: str | None = None
    about: str | None = None
