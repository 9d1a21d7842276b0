"""What arrived, in 16 bytes an event: a million of them must not fill the reader's memory instead of the app's."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.faults.reading import Arrival


@dataclass(slots=True)
class Tally:
    """Of events whose numbers begin near 0, each given to one event.

    Attributes:
        delivered: numbers that arrived.
        duplicates: events that came again under the same id.
        renamed: events that came again under another id: no consumer could recognise those.
    """

    delivered: int = 0
    duplicates: int = 0
    renamed: int = 0
    _ids: array[int] = field(default_factory=lambda: array("q"))
    _stored: array[float] = field(default_factory=lambda: array("d"))

    def first_ones(self, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
        """Count these; what comes out is each event's first arrival."""
        for each in arrivals:
            missing = each.number + 1 - len(self._ids)
            if missing > 0:
                self._ids.extend([0] * (missing + 1000))
                self._stored.extend([0.0] * (missing + 1000))
            id_, known = hash(each.id) or 1, self._ids[each.number]
            if not known:
                self._ids[each.number], self._stored[each.number] = id_, each.stored
                self.delivered += 1
                yield each
            elif known == id_:
                self.duplicates += 1
            else:
                self.renamed += 1

    def lacks(self, numbers: Iterable[int]) -> int:
        """How many of these didn't arrive."""
        return sum(number >= len(self._ids) or not self._ids[number] for number in numbers)

    def stored(self, number: int) -> float:
        """When the first of a number was stored, by `time.time`; 0 where none was."""
        return self._stored[number] if number < len(self._stored) else 0.0
