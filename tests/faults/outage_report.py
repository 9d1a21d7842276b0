"""What an outage did to the worker and to its events, and whether that is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.faults.vitals import MEGABYTE

if TYPE_CHECKING:
    from tests.faults.drain import Drain

MAY_GROW: Final = 30 * MEGABYTE
#: Seconds that an event for another topic may take while the backlog drains, and that the backlog may stand still.
PATIENCE: Final = 5.0
#: Bytes that a journal file may keep when it is empty: 2,000 spare pages and a write-ahead log of 1,000, twice that.
EMPTY: Final = 24 * MEGABYTE


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Of the worker, in bytes: at the start, and its peaks during the outage and until everything was delivered."""

    start: int
    away: int
    draining: int

    def growth(self) -> int:
        """The highest peak beyond the start."""
        return max(self.away, self.draining) - self.start


@dataclass(frozen=True, kw_only=True, slots=True)
class OutageReport:
    """What an outage did.

    Attributes:
        events: that were emitted while the brokers were away.
        emitting: seconds that took.
        memory: the worker's.
        disk: bytes of the journal directory when all of them waited, and at the end.
        drain: how they went, and how new ones fared.
        order_breaks: events that came after a later one of their key.
        left: rows in the journal at the end.
    """

    events: int
    emitting: float
    memory: Memory
    disk: tuple[int, int]
    drain: Drain
    order_breaks: int
    left: int

    def wrong(self) -> list[str]:
        """What isn't as it should be."""
        growth, drain = self.memory.growth(), self.drain
        checks = {
            f"memory grew by {growth / MEGABYTE:.1f} MB": growth > MAY_GROW,
            f"{drain.lost} events lost": drain.lost > 0,
            f"{drain.renamed} events came again under another id": drain.renamed > 0,
            f"{self.order_breaks} events out of order": self.order_breaks > 0,
            f"{self.left} rows left in the journal": self.left > 0,
            f"{self.disk[1] / MEGABYTE:.1f} MB left on the disk": self.disk[1] > EMPTY,
            f"what had waited stood still for {drain.pause:.1f} s": drain.pause > PATIENCE,
            "no new event for another topic was sent during the drain": not drain.other.sent,
            f"such a one took {drain.other.worst:.1f} s": drain.other.worst > PATIENCE,
        }
        return [text for text, is_so in checks.items() if is_so]

    def verdict(self) -> str:
        """`ok`, or what is wrong."""
        wrong = self.wrong()
        return "NOT OK: " + "; ".join(wrong) if wrong else "ok"

    def text(self) -> str:
        """The summary."""
        memory, drain = self.memory, self.drain
        at_start = f"{memory.start / MEGABYTE:.1f} MB"
        peaks = f"{_grown(memory.away, memory)} while they were away, {_grown(memory.draining, memory)} afterwards"
        full, empty = (f"{size / MEGABYTE:.1f} MB" for size in self.disk)
        lines = (
            f"{self.events:,} events while all brokers were away, emitted in {self.emitting:.0f} s",
            f"memory     {at_start} at the start; its peak was {peaks}",
            f"journal    {full} on the disk when all waited, {empty} and {self.left} rows at the end",
            *drain.lines(),
            f"order      {self.order_breaks} breaks within a key",
        )
        return "\n".join(lines)


def _grown(peak: int, memory: Memory) -> str:
    return f"{peak / MEGABYTE:.1f} MB ({(peak - memory.start) / MEGABYTE:+.1f})"
