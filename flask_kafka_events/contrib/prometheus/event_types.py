"""Which event types are a label's value: a bounded number, for types may be made of what users send."""

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from flask_kafka_events.attributes import is_string

#: Types that have a value of their own, where none are named.
MOST: Final = 100
#: Characters that such a type may have.
LONGEST: Final = 200
#: The value that all others share.
OTHER: Final = "other"


class EventTypes:
    """Gives each event type its label value: itself, or `OTHER`.

    Args:
        named: those that have one of their own; None for the first `MOST` that come.
        shared: where the processes that share their metrics write down which came first; None for one process alone.
            Each by itself would let through as many, and so would each worker that takes the place of another.
    """

    def __init__(self, named: Collection[str] | None, shared: Path | None) -> None:
        self._named = None if named is None else frozenset(named)
        self._seen: set[str] = set()
        self._shared = shared

    def label_of(self, type: object) -> str:
        """The value for a type; anything may have been given for one."""
        text = str.__str__(type) if isinstance(type, str) else ""
        is_known = text in self._seen if self._named is None else text in self._named
        return text if is_known or self._learns(text) else OTHER

    def _learns(self, type: str) -> bool:
        if self._named is not None or len(self._seen) >= MOST or not _is_short_text(type):
            return False
        if self._shared is None:
            self._seen.add(type)
        else:
            with suppress(OSError):
                self._seen = _first_ones(self._shared, type)
        return type in self._seen


def _is_short_text(type: str) -> bool:
    # A lone surrogate in a label would fail the whole scrape.
    return 0 < len(type) <= LONGEST and is_string(type)


def _first_ones(shared: Path, candidate: str) -> set[str]:
    """Those that came first, of whatever process; a candidate behind them stays in the file and changes nothing."""
    # Without a lock, which a dying process could leave: lines are added whole, at the end, and all read the same order.
    with shared.open("ab", buffering=0) as file:
        file.write(json.dumps(candidate).encode() + b"\n")
    first: dict[str, None] = {}
    for line in shared.read_bytes().splitlines():
        with suppress(ValueError):  # half a line, where the disk was full
            first[str(json.loads(line))] = None
        if len(first) == MOST:
            break
    return set(first)
