"""Events acknowledged a second, from a loop in one process, or in two, to a broker and back."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from subprocess import PIPE
from typing import IO, TYPE_CHECKING, Final

from benchmarks.peers import (
    SECONDS,
    TOPIC,
    VALUE,
    bare_event,
    confluent_producer,
    kafka_python_producer,
    rich_event,
    settle,
)
from benchmarks.sheets import Sheet
from benchmarks.shops import calling, extended, flushing

if TYPE_CHECKING:
    from confluent_kafka import Producer
    from flask import Flask


#: What two processes at once are measured with.
_BY_TWO: Final = ("confluent", "handwritten", "decorated")


def drained(servers: str, *, events: int, rounds: int) -> Sheet:
    """From the first event's emission to the last one's acknowledgement, of each variant in turn."""
    with ExitStack() as stack:
        variants = {name: make(stack, servers) for name, make in _MAKERS.items()}
        return _in_turn(variants, events=events, rounds=rounds)


def drained_by_two(servers: str, *, events: int, rounds: int) -> Sheet:
    """The same, of so many events by each of two processes at once; what both got acknowledged counts."""
    with ExitStack() as stack:
        variants = {name: _by_two(stack, servers, name) for name in _BY_TWO}
        return _in_turn(variants, events=2 * events, rounds=rounds)


def _by_two(stack: ExitStack, servers: str, name: str) -> Callable[[int], object]:
    command = [sys.executable, "-m", __name__, servers, name]
    both = [
        stack.enter_context(_ended(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)))
        for _ in range(2)
    ]

    def run(events: int) -> None:
        for orders, _ in both:
            orders.write(f"{events // len(both)}\n")
            orders.flush()
        for _, answers in both:
            if answers.readline() != "done\n":
                raise AssertionError(f"{name} has ended")

    return run


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[tuple[IO[str], IO[str]]]:
    """What it reads from and writes to; it ends when it has nothing more to read."""
    with process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("It has pipes.")
        yield process.stdin, process.stdout


def _obey(servers: str, name: str) -> None:
    with ExitStack() as stack:
        run = _MAKERS[name](stack, servers)
        for line in sys.stdin:
            run(int(line))
            sys.stdout.write("done\n")
            sys.stdout.flush()


def _in_turn(variants: dict[str, Callable[[int], object]], *, events: int, rounds: int) -> Sheet:
    sheet = Sheet(unit="1/s", figures={name: [] for name in variants})
    for run in variants.values():
        run(events // 10)
    for _ in range(rounds):
        for name, run in variants.items():
            gc.collect()
            began = time.perf_counter()
            run(events)
            sheet.figures[name].append(events / (time.perf_counter() - began))
    return sheet


def _polling(servers: str, make: Callable[[Producer], Callable[[], None]]) -> Callable[[int], object]:
    producer = confluent_producer(servers)
    send = make(producer)

    def run(events: int) -> None:
        for _ in range(events):
            send()
            producer.poll(0)
        settle(producer)

    return run


def _kafka_python(stack: ExitStack, servers: str) -> Callable[[int], object]:
    producer = kafka_python_producer(servers)
    stack.callback(producer.close, timeout=5)

    def run(events: int) -> None:
        last = None
        for _ in range(events):
            last = producer.send(TOPIC, VALUE)
        producer.flush(SECONDS)
        if last is None or not last.succeeded():
            raise AssertionError(last)

    return run


def _ours(app: Flask) -> Callable[[int], object]:
    call, flush = calling(app), flushing(app)

    def run(events: int) -> None:
        call(events)
        flush()

    return run


_MAKERS: Final[Mapping[str, Callable[[ExitStack, str], Callable[[int], object]]]] = {
    "confluent": lambda _, servers: _polling(servers, bare_event),
    "handwritten": lambda _, servers: _polling(servers, rich_event),
    "kafka-python": _kafka_python,
    "decorated": lambda stack, servers: _ours(stack.enter_context(extended(servers))),
    "plain": lambda stack, servers: _ours(stack.enter_context(extended(servers, FORMAT="plain"))),
}


if __name__ == "__main__":
    _obey(*sys.argv[1:])
