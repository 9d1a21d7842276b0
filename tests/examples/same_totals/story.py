"""What the players do, and what is told of it twice: the same for the same seed, in whichever process it is asked for."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from examples.game_api.batch_layer.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BEGIN: Final = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)
LENGTH: Final = timedelta(minutes=20)
LATENESS: Final = timedelta(minutes=15)

ROUTES: Final = {
    "purchased_sword": "/purchase_a_sword",
    "purchased_knife": "/purchase_a_knife",
    "joined_guild": "/join_guild",
    "default": "/",
}
PURCHASES: Final = ("purchased_sword", "purchased_knife")
STRANGE_NAMES: Final = ("<script>", "日本", "'; DROP TABLE purchases; --", "ünïcode")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One event of the story.

    Attributes:
        id: the event's, of its source.
        type: what was done.
        player: who did it; None for somebody without a name.
        time: when.
        is_copy: whether the story has told it before, or another worker tells it.
    """

    id: str
    type: str
    player: str | None
    time: datetime
    is_copy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One worker's part.

    Attributes:
        seed: of all parts.
        worker: whose part, from 0.
        workers: how many there are.
        length: how many events this worker tells, copies among them.
    """

    seed: int
    worker: int
    workers: int
    length: int

    def steps(self) -> Iterator[Step]:
        """The steps in the order of their telling.

        After one in eight comes a copy: of an own step, at another time, as when a client asks again; or of another
        worker's, with nothing changed, as when a journal is taken over.
        """
        dice = random.Random(f"{self.seed} {self.worker}")
        told = number = 0
        while told < self.length:
            yield self.original(self.worker, number)
            told += 1
            if dice.random() < 1 / 8 and told < self.length:
                yield self._copy(dice, number)
                told += 1
            number += 1

    def original(self, worker: int, number: int) -> Step:
        """A worker's step of this number. One in 20 is late: by minutes, while those around it are not."""
        dice = random.Random(f"{self.seed} {worker} {number}")
        (type_,) = dice.choices(list(ROUTES), weights=[4, 3, 1, 2])
        time = BEGIN + LENGTH * (number / self.length) + timedelta(microseconds=dice.randrange(10**6))
        late = LATENESS * dice.random() if dice.random() < 1 / 20 else timedelta()
        return Step(id=f"{worker}-{number}", type=type_, player=_player(dice), time=time - late)

    def _copy(self, dice: random.Random, number: int) -> Step:
        if dice.random() < 1 / 2:
            mine = self.original(self.worker, dice.randrange(number + 1))
            return replace(mine, time=mine.time + timedelta(seconds=dice.randrange(300)), is_copy=True)
        # Of the first half, so that the other one tells it too.
        other = self.original((self.worker + 1) % self.workers, dice.randrange(number // 2 + 1))
        return replace(other, is_copy=True)


def _player(dice: random.Random) -> str | None:
    chance = dice.random()
    if chance < 1 / 50:
        return None
    return dice.choice(STRANGE_NAMES) if chance < 1 / 20 else f"player-{dice.randrange(200)}"


def totals_of(steps: Iterable[Step]) -> Totals:
    """The purchases of these steps, without those that are copies, by window, player and type."""
    return dict(
        Counter(
            (int(step.time.timestamp()) // 60 * 60, step.player, step.type)
            for step in steps
            if not step.is_copy and step.player is not None and step.type in PURCHASES
        )
    )
