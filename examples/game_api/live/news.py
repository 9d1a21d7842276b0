"""What readers of the stream are told."""

from __future__ import annotations

from dataclasses import dataclass


class ReaderTooSlow(Exception):
    """What a reader would need next isn't kept any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of the stream.

    Attributes:
        name: `"event"`, or `"acknowledged"` for what became known of an earlier one.
        data: JSON.
        place: an event's partition and offset; None for any other message.
    """

    name: str
    data: bytes
    place: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a reader hasn't had yet.

    Attributes:
        messages: in the order of the topic.
        cursor: the reader's place behind them.
        state: what the page says of broker and ledger, where that has changed; else None.
        version: of the state.
        has_ended: whether nothing more will come.
    """

    messages: list[Message]
    cursor: int
    state: bytes | None
    version: int
    has_ended: bool
