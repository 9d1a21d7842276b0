"""The rows of the table: each does something bad to brokers, and makes it good again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tests.faults.trial import Trial

Fault: TypeAlias = "Callable[[Trial], None]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        name: as it is printed and chosen.
        run: does it.
        long: whether it takes minutes and runs only if asked for.
    """

    name: str
    run: Fault
    long: bool = False


ROWS: list[Row] = []


def fault(name: str, *, long: bool = False) -> Callable[[Fault], Fault]:
    """Make a function a row of the table."""

    def add(run: Fault) -> Fault:
        ROWS.append(Row(name=name, run=run, long=long))
        return run

    return add
