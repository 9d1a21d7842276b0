"""Times blocks of operations of several variants that take turns, so that the machine's drift meets all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from benchmarks.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Does so many operations.
Run: TypeAlias = Callable[[int], None]

#: What a block is measured with: the calling thread's CPU, what its caller waited, the CPU of all of the process's
#: threads until the broker has all of it, librdkafka's too.
CLOCKS: Final[Mapping[str, Callable[[], float]]] = {
    "cpu": time.thread_time,
    "wall": time.perf_counter,
    "process": time.process_time,
}


def _nothing() -> None:
    """What a variant without a broker has to wait for."""


class Variant(msgspec.Struct, frozen=True):
    """One of those that take turns.

    Attributes:
        run: does so many operations.
        settle: waits until the broker has all of it, so that the next one's block bears none of it.
    """

    run: Run
    settle: Callable[[], object] = _nothing


def take_turns(variants: Mapping[str, Variant], *, operations: int, rounds: int) -> dict[str, Sheet]:
    """Run a block of each variant, again and again; a sheet for each clock, in microseconds an operation.

    Each round begins with another variant, and no collection of garbage falls into any block.

    Args:
        variants: by name.
        operations: of a block.
        rounds: blocks of each variant; one more goes before, which isn't counted.
    """
    sheets = {clock: Sheet(unit="µs", figures={name: [] for name in variants}) for clock in CLOCKS}
    names = list(variants)
    for variant in variants.values():
        _timed(variant, operations)
    with _uncollected():
        for number in range(rounds):
            gc.collect()
            first = number % len(names)
            _timed(variants[names[first - 1]], operations)  # the first one after a collection is slower
            for name in (*names[first:], *names[:first]):
                for clock, figure in _timed(variants[name], operations).items():
                    sheets[clock].figures[name].append(figure)
    return sheets


def _timed(variant: Variant, operations: int) -> dict[str, float]:
    began = {name: clock() for name, clock in CLOCKS.items()}
    variant.run(operations)
    ended = {name: clock() for name, clock in CLOCKS.items()}
    variant.settle()
    ended["process"] = CLOCKS["process"]()
    return {name: 1e6 * (ended[name] - began[name]) / operations for name in CLOCKS}


@contextmanager
def _uncollected() -> Iterator[None]:
    # A collection goes through whatever happens to live: it would fall into any variant's block.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
