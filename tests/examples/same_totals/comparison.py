"""Whether all layers came to the same totals."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from examples.game_api.batch_layer.totals import Totals

SHOWN = 5


def differences(layers: Mapping[str, Totals]) -> list[str]:
    """Where a layer has another total than the first one, a line for each; empty where all are equal.

    Args:
        layers: the totals of each layer, by its name; the first one is what the others are held to.
    """
    (name, wanted), *others = layers.items()
    return [
        f"{_place(place)}: {other} has {totals.get(place, 0)}, {name} {wanted.get(place, 0)}"
        for other, totals in others
        for place in sorted(wanted.keys() | totals.keys())
        if totals.get(place, 0) != wanted.get(place, 0)
    ]


def table(layers: Mapping[str, Totals]) -> str:
    """What each layer counted, and whether it is the same."""
    lines = [f"{'':20} {'purchases':>10} {'totals':>8} {'players':>8} {'windows':>8}"]
    for name, totals in layers.items():
        windows, players = {start for start, _, _ in totals}, {player for _, player, _ in totals}
        numbers = f"{sum(totals.values()):10,} {len(totals):8,} {len(players):8,} {len(windows):8,}"
        lines.append(f"{name:20} {numbers}")
    found = differences(layers)
    lines += found[:SHOWN]
    lines.append(f"{len(found)} totals differ" if found else "all equal")
    return "\n".join(lines)


def _place(place: tuple[int, str, str]) -> str:
    start, player, type_ = place
    return f"{datetime.fromtimestamp(start, timezone.utc):%H:%M} {player!r} {type_}"
