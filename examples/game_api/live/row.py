"""One event as the page shows it: short enough to be kept, and all of it text."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flask_kafka_events.reading import ReadEvent

# What others write into the topic may be of any size; what is kept of an event is bounded.
_LONGEST_NAME: Final = 200
_LONGEST_DATA: Final = 2_000
_MOST_ATTRIBUTES: Final = 40

Row = dict[str, Any]


def row_of(read: ReadEvent, *, seen: float, acknowledged: float | None) -> Row:
    """What the page gets of an event.

    Args:
        read: the record.
        seen: when this process had it, in seconds since 1970.
        acknowledged: when the broker's acknowledgement came, where this process sent it and knows.
    """
    place = {"partition": read.partition, "offset": read.offset, "seen": seen, "acknowledged": acknowledged}
    event = read.event
    if event is None:
        text = _cut((read.value or b"").decode(errors="replace"), _LONGEST_DATA)
        key = None if read.key is None else _cut(read.key.decode(errors="replace"))
        stored = None if read.stored is None else read.stored.timestamp()
        return {
            **place,
            "id": "",
            "type": "not an event",
            "player": key,
            "time": stored,
            "data": text,
            "attributes": {},
        }
    duration = event.attributes.get("durationus")
    return {
        **place,
        "id": _cut(event.id),
        "type": _cut(event.type),
        "player": _player(event.decoded(), event.key),
        "time": event.time.timestamp(),
        "answered": event.time.timestamp() + duration / 1_000_000 if isinstance(duration, int) else None,
        "data": None if event.data is None else _cut(event.data.decode(errors="replace"), _LONGEST_DATA),
        "attributes": _attributes(event.context()),
    }


def _player(data: object, key: str | None) -> str | None:
    named = data.get("player") if isinstance(data, dict) else None
    player = named if isinstance(named, str) else key
    return None if player is None else _cut(player)


def _attributes(context: dict[str, Any]) -> dict[str, str]:
    shown = list(context.items())[:_MOST_ATTRIBUTES]
    return {
        name: value.isoformat() if isinstance(value, datetime) else _cut(str(value)) for name, value in shown
    }


def _cut(text: str, longest: int = _LONGEST_NAME) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
