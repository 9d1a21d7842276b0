"""Counts by type and by player, of bounded size however many players there are."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

#: How many types and players are counted by name; what comes on top is counted together.
MOST_NAMES: Final = 1_000


class Tally:
    """Not safe for threads: the backlog's lock guards it."""

    def __init__(self) -> None:
        self.total = 0
        self.types: Counter[str] = Counter()
        self.players: Counter[str] = Counter()
        self.unnamed = {"types": 0, "players": 0, "nobody": 0}

    def count(self, type_: str, player: str | None) -> None:
        """One event more."""
        self.total += 1
        self._count(self.types, "types", type_)
        if player is None:
            self.unnamed["nobody"] += 1
        else:
            self._count(self.players, "players", player)

    def told(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "total": self.total,
            "types": list(self.types.items()),
            "players": list(self.players.items()),
            "unnamed": self.unnamed,
        }

    def _count(self, counts: Counter[str], kind: str, name: str) -> None:
        if name in counts or len(counts) < MOST_NAMES:
            counts[name] += 1
        else:
            self.unnamed[kind] += 1
