"""Whether something grew: what was measured whenever all was well, in the first third and in the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Fewer samples than this say nothing.
FEWEST: Final = 9


def growth(samples: Sequence[int]) -> int:
    """By how much the least of the last third exceeds the least of the first third.

    The least, not the mean: what comes and goes (a client's connection, a batch on its way) only adds to it, what is
    never given back is in every sample.

    Raises:
        ValueError: there are too few to tell.
    """
    third = len(samples) // 3
    if len(samples) < FEWEST:
        raise ValueError(f"{len(samples)} samples tell nothing of growth; {FEWEST} are needed.")
    return min(samples[-third:]) - min(samples[:third])
