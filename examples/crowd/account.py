"""What the crowd was answered against what arrived: nothing may be missing, and the sums must agree."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from examples.crowd.ledger import Ledger
from examples.crowd.players import Played
from examples.crowd.reading import EVENTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The end of a crowd.

    Attributes:
        played: what the players met with.
        arrived: how many events of each player and type are on the topic.
        again: how many of them are there once more, with the same id.
        ledger: the sum of the workers' ledgers; None where they can't be read.
    """

    played: Played
    arrived: Mapping[tuple[str, str], int]
    again: int
    ledger: Ledger | None

    @property
    def lost(self) -> int:
        """Requests that a player was answered, and whose event isn't on the topic."""
        return _beyond(self._answered(), self.arrived)

    @property
    def unanswered(self) -> int:
        """Events on the topic whose answer no player got: of a connection that broke, for example."""
        return _beyond(self.arrived, self._answered())

    @property
    def troubles(self) -> list[str]:
        """Why this crowd is no good sign; empty where it is."""
        troubles = []
        on_topic = sum(self.arrived.values())
        if self.lost:
            troubles.append(f"{self.lost:,} event(s) of answered requests are not on the topic")
        if self.ledger is not None and self.ledger.delivered != on_topic:
            troubles.append(
                f"the workers delivered {self.ledger.delivered:,}, and the topic has {on_topic:,}"
            )
        if not self._answered():
            troubles.append("no request was answered")
        return troubles

    def __str__(self) -> str:
        played = self.played
        kinds: Counter[str] = Counter()
        for (_, kind), number in self.arrived.items():
            kinds[kind] += number
        rows = {
            "requests": f"{played.requests:,} in {played.seconds:.0f} s, {self._rate():.0f} a second; "
            f"{played.refused:,} refused{_refusals(played.refusals)}",
            "latency": f"p50 {played.p50:.0f} ms, p99 {played.p99:.0f} ms, the slowest {played.slowest:.0f} ms",
            "events": ", ".join(f"{kind} {kinds[kind]:,}" for kind in EVENTS.values()),
            "topic": f"{kinds.total():,} read, {self.again:,} of them again, {self.unanswered:,} without an answer",
            "ledger": "not read: the game isn't ours" if self.ledger is None else str(self.ledger),
            "lost": f"{self.lost:,}",
        }
        return "\n".join(f"{name:<10}{text}" for name, text in rows.items())

    def _rate(self) -> float:
        return self.played.requests / self.played.seconds if self.played.seconds else 0.0

    def _answered(self) -> Counter[tuple[str, str]]:
        answered = {
            (player, EVENTS[route]): number for player, route, number in self.played.answered if number
        }
        return Counter(answered)


def _beyond(these: Mapping[tuple[str, str], int], those: Mapping[tuple[str, str], int]) -> int:
    return (Counter(these) - Counter(those)).total()


def _refusals(refusals: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{number:,} {why}' for why, number in refusals.items())})" if refusals else ""
