"""Events acknowledged a second, from a loop in one process to a broker and back."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

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
from benchmarks.rows import calling
from benchmarks.sheets import Sheet
from benchmarks.shops import extended, flushing

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Producer
    from flask import Flask


def drained(servers: str, *, events: int, rounds: int) -> Sheet:
    """From the first event's emission to the last one's acknowledgement, of each variant in turn."""
    with ExitStack() as stack:
        kafka_python = kafka_python_producer(servers)
        stack.callback(kafka_python.close, timeout=5)
        variants: dict[str, Callable[[int], object]] = {
            "confluent": _polling(servers, bare_event),
            "handwritten": _polling(servers, rich_event),
            "kafka-python": _sending(kafka_python),
            "decorated": _ours(stack.enter_context(extended(servers))),
            "plain": _ours(stack.enter_context(extended(servers, FORMAT="plain"))),
        }
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


def _sending(producer: Any) -> Callable[[int], object]:
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
