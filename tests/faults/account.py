"""What a fault did: requests answered against events read back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.faults.load import Asked
    from tests.faults.reading import Arrival


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One line of the table.

    Attributes:
        fault: the row's name.
        mode: where events wait: `memory` or `journal`.
        sent: requests that the clients sent.
        answered: those with a 2xx.
        delivered: distinct ids read back.
        lost: answered requests whose event is on no topic.
        accounted: events that ledger or log name as lost or still waiting.
        duplicates: events read back more often than once.
        order_breaks: events that came after a later one of the same key, worker and partition; a first time each.
        worst_ms: the slowest answer.
        verdict: `ok`, or what is wrong.
    """

    fault: str
    mode: str
    sent: int
    answered: int
    delivered: int
    lost: int
    accounted: int
    duplicates: int
    order_breaks: int
    worst_ms: int
    verdict: str = "ok"


HEADINGS = {"order_breaks": "order breaks", "worst_ms": "worst ms"}


def counted(asked: Iterable[Asked], arrivals: Iterable[Arrival]) -> dict[str, Any]:
    """The figures of an outcome that come from outside of the app."""
    requests = list(asked)
    numbers = {each.number for each in requests}
    seen = [each for each in arrivals if each.number in numbers]
    by_id: dict[str, Arrival] = {}
    for each in seen:  # in the order in which each came first
        by_id.setdefault(each.id, each)
    first = list(by_id.values())
    answered = [each for each in requests if each.seconds is not None]
    there = {each.number for each in first}
    return {
        "sent": len(requests),
        "answered": len(answered),
        "delivered": len(first),
        "lost": sum(each.number not in there for each in answered),
        "duplicates": len(seen) - len(first),
        "order_breaks": order_breaks(first),
        "worst_ms": round(1000 * max((each.seconds or 0.0 for each in answered), default=0.0)),
    }


def order_breaks(arrivals: Iterable[Arrival]) -> int:
    """How many events came after a later one of their key, within a worker and a partition."""
    return sum(1 for _ in late_ones(arrivals))


def late_ones(arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """Those events."""
    latest: dict[tuple[str, int, str], int] = {}
    for each in arrivals:
        line = (each.player, each.worker, each.place)
        if each.number < latest.get(line, -1):
            yield each
        latest[line] = max(each.number, latest.get(line, -1))


def lost_by_ledger(stats: Mapping[str, Any]) -> int:
    """What the ledger names as failed, dropped, dead or pending."""
    return sum((*stats["failed"].values(), *stats["dropped"].values(), stats["dead"], stats["pending"]))


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes, aligned."""
    names = [each.name for each in fields(Outcome)]
    lines = [[HEADINGS.get(name, name) for name in names]]
    lines += [[str(getattr(outcome, name)) for name in names] for outcome in outcomes]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first two and the last cell are texts, the others numbers."""
    texts = {0, 1, len(cells) - 1}
    padded = (
        cell.ljust(width) if column in texts else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()
