"""Times blocks of operations of several variants that take turns, so that the machine's drift meets all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from benchmarks.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Does so many operations.
Run: TypeAlias = Callable[[int], None]

#: What a block is measured with: the calling thread's CPU, what its caller waited, the CPU of all of the process's
#: threads, librdkafka's too.
CLOCKS: Final[Mapping[str, Callable[[], float]]] = {
    "cpu": time.thread_time,
    "wall": time.perf_counter,
    "process": time.process_time,
}


def take_turns(variants: Mapping[str, Run], *, operations: int, rounds: int) -> dict[str, Sheet]:
    """Run a block of each variant, again and again; a sheet for each clock, in microseconds an operation.

    Args:
        variants: by name.
        operations: of a block.
        rounds: blocks of each variant; one more goes before, which isn't counted.
    """
    sheets = {clock: Sheet(unit="µs", figures={name: [] for name in variants}) for clock in CLOCKS}
    for run in variants.values():
        run(operations)
    with _uncollected():
        for _ in range(rounds):
            for name, run in variants.items():
                for clock, figure in _timed(run, operations).items():
                    sheets[clock].figures[name].append(figure)
            gc.collect()
    return sheets


def _timed(run: Run, operations: int) -> dict[str, float]:
    began = {name: clock() for name, clock in CLOCKS.items()}
    run(operations)
    return {name: 1e6 * (clock() - began[name]) / operations for name, clock in CLOCKS.items()}


@contextmanager
def _uncollected() -> Iterator[None]:
    # A collection goes through whatever happens to live: it would fall into any variant's block.
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
