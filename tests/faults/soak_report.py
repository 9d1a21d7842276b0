"""What a soak found, and whether that is as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.faults.flatness import FEWEST, growth
from tests.faults.vitals import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.reading import Arrival
    from tests.faults.vitals import Vitals

#: By how much the least of the last third may exceed that of the first. Memory: a leak of 50 bytes an event is more.
MAY_GROW: Final = {"memory": 5 * MEGABYTE, "descriptors": 1, "threads": 1}
#: Bytes that an empty journal file may keep: 2,000 spare pages and a write-ahead log of 1,000.
EMPTY: Final = 3_100 * 4096
WORKERS: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """A moment at which all was well again.

    Attributes:
        after: the fault before it.
        at: seconds since the beginning.
        elder: the worker that lives all through.
        disk: bytes of the journal's directory.
        answered: requests so far.
    """

    after: str
    at: float
    elder: Vitals
    disk: int
    answered: int

    def __str__(self) -> str:
        elder = self.elder
        return (
            f"{self.at:5.0f} s  {self.answered:7,} answered  {elder.memory / MEGABYTE:5.1f} MB  "
            f"{elder.descriptors} descriptors  {elder.threads} threads  "
            f"{self.disk / MEGABYTE:4.1f} MB journal  {self.after}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SoakReport:
    """All that is judged.

    Attributes:
        seed: it decided which faults, and how long.
        lasted: seconds under load.
        rests: one after each fault.
        warm_up: how many of those are not compared.
        lost: answered requests whose event is on no topic.
        renamed: events that came again under another id.
        late: events that came after a later one of their key.
        worst: seconds of the slowest answer.
        elder_lives: whether no fault ended it after all.
        elder_emitted: how many of the events are its own.
        pending: what the ledgers still held at the end.
        rows: what the journal's files still held.
        disk: bytes of the journal's directory at the end.
        files: how many files were in it then.
        left: how many were there when the server had ended.
        tracebacks: how many the server's log has.
    """

    seed: int
    lasted: float
    rests: list[Rest]
    warm_up: int
    sent: int
    answered: int
    lost: int
    delivered: int
    duplicates: int
    renamed: int
    late: list[Arrival]
    worst: float
    elder_lives: bool
    elder_emitted: int
    pending: int
    rows: int
    disk: int
    files: int
    left: int
    tracebacks: int

    def wrong(self) -> list[str]:
        """What isn't as it should be."""
        checks = {
            f"{self.lost} events lost": self.lost > 0,
            f"{self.renamed} events came again under another id": self.renamed > 0,
            f"{len(self.late)} events out of order": len(self.late) > 0,
            f"{self.pending} events pending": self.pending > 0,
            f"{self.rows} rows in the journal": self.rows > 0,
            f"{self.files} journal files of {WORKERS} workers": self.files > WORKERS,
            f"{self.left} journal files left by a server that ended": self.left > 0,
            f"{self.disk / MEGABYTE:.1f} MB in the journal's directory": self.disk > WORKERS * EMPTY,
            f"{self.tracebacks} tracebacks in the log": self.tracebacks > 0,
            "the elder worker died": not self.elder_lives,
            **{f"{name} grew by {by:,}": by > MAY_GROW[name] for name, by in self._growths()},
        }
        return [text for text, is_so in checks.items() if is_so]

    def text(self) -> str:
        """The summary."""
        faults = Counter(rest.after for rest in self.rests)
        wrong, rate = self.wrong(), self.answered / self.lasted
        at_end = (
            f"{self.pending} pending, {self.rows} rows in {self.files} files of {self.disk / MEGABYTE:.1f} MB"
        )
        lines = (
            f"seed {self.seed}: {len(self.rests)} faults in {self.lasted / 60:.1f} min, {rate:.0f} answers a second",
            *(f"  {count:3} {name}" for name, count in sorted(faults.items())),
            f"answered     {self.answered:,} of {self.sent:,} sent, the slowest in {self.worst:.1f} s",
            f"delivered    {self.delivered:,}, lost {self.lost}",
            f"duplicates   {self.duplicates} under the same id, {self.renamed} under another",
            f"order        {len(self.late)} breaks within a key and worker",
            *(f"  {each}" for each in self.late[:20]),
            f"at the end   {at_end}; {self.left} files once the server had ended",
            f"log          {self.tracebacks} tracebacks",
            f"the elder    emitted {self.elder_emitted:,} of the events",
            *self._flatness(),
            "NOT OK: " + "; ".join(wrong) if wrong else "ok",
        )
        return "\n".join(lines)

    def _flatness(self) -> Iterator[str]:
        """What was compared, or why nothing was."""
        growths = dict(self._growths())
        if not growths:
            yield f"flatness     not judged: {len(self.rests)} faults are too few"
            return
        compared = self.rests[self.warm_up :]
        for name, figure in FIGURES.items():
            first, last = (_range(map(figure, part)) for part in _thirds(compared))
            yield f"{name:12} {first} in the first third, {last} in the last: the least grew by {growths[name]:,}"
        disk = _range(rest.disk for rest in compared)
        yield f"disk         {disk} in the journal's directory whenever all was well"

    def _growths(self) -> Iterator[tuple[str, int]]:
        compared = self.rests[self.warm_up :]
        if len(compared) >= FEWEST:
            for name, figure in FIGURES.items():
                yield name, growth([figure(rest) for rest in compared])


FIGURES: Final[dict[str, Callable[[Rest], int]]] = {
    "memory": lambda rest: rest.elder.memory,
    "descriptors": lambda rest: rest.elder.descriptors,
    "threads": lambda rest: rest.elder.threads,
}


def _thirds(rests: list[Rest]) -> tuple[list[Rest], list[Rest]]:
    third = len(rests) // 3
    return rests[:third], rests[-third:]


def _range(figures: Iterator[int]) -> str:
    least, *_, most = sorted(figures)
    return f"{least:,} to {most:,}"
