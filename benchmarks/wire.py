"""Bytes that each event takes on the wire, with each compression."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Producer

from benchmarks.sheets import Sheet
from benchmarks.shops import calling, extended, flushing
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

_COMPRESSIONS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
_FORMATS: Final = ("cloudevents", "cloudevents-binary", "plain")


def on_the_wire(servers: str, *, events: int) -> Sheet:
    """By librdkafka's own count of all that it sends, from batches as large as a loop makes them."""
    figures = {
        f"{each}, {how}": [_bytes(servers, events, each, how)] for each in _FORMATS for how in _COMPRESSIONS
    }
    return Sheet(unit="bytes", figures=figures)


def _bytes(servers: str, events: int, format: str, compression: str) -> float:
    told: list[int] = []
    producer = {"log_level": 0, "compression.type": compression}
    with extended(servers, factory=counting(told), FORMAT=format, PRODUCER=producer) as app:
        call, flush = calling(app), flushing(app)

        def sent() -> int:
            """What was sent so far, by a count that began after it."""
            flush()
            seen = len(told)
            wait_until(lambda: len(told) > seen + 1, "it is counted")
            return told[-1]

        call(10)
        before = sent()
        call(events)
        return (sent() - before) / events


def counting(told: list[int]) -> Callable[..., Producer]:
    """Builds producers that tell, ten times a second, how many bytes they have sent to all brokers."""

    def count(text: str) -> None:
        told.append(sum(each["txbytes"] for each in json.loads(text)["brokers"].values()))

    def build(config: dict[str, Any], **more: Any) -> Producer:
        return Producer({**config, "statistics.interval.ms": 100, "stats_cb": count}, **more)

    return build
