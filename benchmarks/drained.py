"""Events acknowledged a second, from a loop in one process to a broker and back."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from kafka import KafkaProducer

from benchmarks.peers import TOPIC, VALUE, rich_event
from benchmarks.rows import calling
from benchmarks.sheets import Sheet
from benchmarks.shops import extended
from flask_kafka_events import KafkaEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


def drained(servers: str, *, events: int, rounds: int) -> Sheet:
    """From the first event's emission to the last one's acknowledgement, of each variant in turn."""
    with ExitStack() as stack:
        variants: dict[str, Callable[[int], object]] = {
            "confluent": _confluent(servers),
            "handwritten": _handwritten(servers),
            "kafka-python": _kafka_python(servers),
            "decorated": _ours(stack.enter_context(extended(servers))),
            "plain": _ours(stack.enter_context(extended(servers, FORMAT="plain"))),
        }
        sheet = Sheet(unit="1/s", figures={name: [] for name in variants})
        for run in variants.values():
            run(events // 10)
        for _ in range(rounds):
            for name, run in variants.items():
                began = time.perf_counter()
                run(events)
                sheet.figures[name].append(events / (time.perf_counter() - began))
    return sheet


def _producer(servers: str) -> Producer:
    # As ours is: idempotent, with acks=all, for otherwise it wouldn't be the same promise.
    return Producer(
        {
            "bootstrap.servers": servers, "enable.idempotence": True, "log_level": 0,
            "queue.buffering.max.messages": 1_000_000,
        }
    )  # fmt: skip


def _confluent(servers: str) -> Callable[[int], object]:
    producer = _producer(servers)

    def run(events: int) -> None:
        for _ in range(events):
            producer.produce(TOPIC, VALUE, on_delivery=_reported)
            producer.poll(0)
        producer.flush()

    return run


def _handwritten(servers: str) -> Callable[[int], object]:
    producer = _producer(servers)
    send = rich_event(producer)

    def run(events: int) -> None:
        for _ in range(events):
            send()
            producer.poll(0)
        producer.flush()

    return run


def _kafka_python(servers: str) -> Callable[[int], object]:
    producer: Any = KafkaProducer(bootstrap_servers=servers, acks="all")

    def run(events: int) -> None:
        for _ in range(events):
            producer.send(TOPIC, VALUE)
        producer.flush()

    return run


def _ours(app: Flask) -> Callable[[int], object]:
    call, mine = calling(app), KafkaEvents().for_app(app)

    def run(events: int) -> None:
        call(events)
        if not mine.flush(60):
            raise AssertionError(mine.stats())

    return run


def _reported(_error: object, _message: object) -> None:
    """What the least callback does."""
