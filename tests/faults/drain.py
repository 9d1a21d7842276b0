"""How what had waited in a journal went out, and how new events fared beside it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.faults.load import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.load import Asked
    from tests.faults.tally import Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Fared:
    """New events during a drain: how many, and the seconds from the request until they were stored."""

    sent: int
    median: float
    worst: float

    def __str__(self) -> str:
        return f"{self.sent} sent meanwhile, stored after {self.median:.2f} s (median), {self.worst:.2f} s at most"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drain:
    """From the first to the last of what had waited.

    Attributes:
        events: that were answered for, all in all.
        delivered: of those.
        lost: of those.
        duplicates: events that came again, under the same id.
        renamed: the same, under another.
        seconds: between the first and the last of the backlog.
        pause: the longest time in which none of it was stored.
        same: new events for the topic of the backlog.
        other: those for another one.
        slowest: seconds that the slowest answer took.
    """

    events: int
    delivered: int
    lost: int
    duplicates: int
    renamed: int
    seconds: float
    pause: float
    same: Fared
    other: Fared
    slowest: float

    def lines(self) -> Iterator[str]:
        """For the summary."""
        yield (
            f"delivered  {self.delivered:,} of {self.events:,} answered, lost {self.lost}, duplicates "
            f"{self.duplicates}"
        )
        yield f"drained    in {self.seconds:.1f} s, the longest pause {self.pause:.2f} s"
        yield f"new events for another topic: {self.other}"
        yield f"           for the same topic, behind what waited: {self.same}"
        yield f"           slowest answer {self.slowest:.2f} s"


def drain_of(tally: Tally, backlog: range, asked: Sequence[Asked]) -> Drain:
    """What a tally tells of the events of a backlog, and of those that were asked for later."""
    answered = [each for each in asked if each.seconds is not None]
    times = sorted(filter(None, map(tally.stored, backlog))) or [0.0]
    # A request's time is that of a clock that never jumps, the broker's is not; on one machine they differ by this.
    offset = time.time() - time.monotonic()
    fared: tuple[list[float], list[float]] = ([], [])
    for each in answered:
        began, stored = each.began + offset, tally.stored(each.number)
        if stored and times[0] < began < times[-1]:
            fared[each.number // CLIENTS % 2].append(stored - began)
    return Drain(
        events=backlog.stop + len(answered),
        delivered=tally.delivered,
        lost=tally.lacks(range(backlog.stop)) + tally.lacks(each.number for each in answered),
        duplicates=tally.duplicates,
        renamed=tally.renamed,
        seconds=times[-1] - times[0],
        pause=max((after - before for before, after in pairwise(times)), default=0.0),
        same=_fared(fared[0]),
        other=_fared(fared[1]),
        slowest=max((each.seconds or 0.0 for each in answered), default=0.0),
    )


def _fared(delays: list[float]) -> Fared:
    if not delays:
        return Fared(sent=0, median=0.0, worst=0.0)
    return Fared(sent=len(delays), median=statistics.median(delays), worst=max(delays))
