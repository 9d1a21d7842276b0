"""Records that the library didn't write: some are purchases all the same, the others can't be read as events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from tests.examples.same_totals.story import BEGIN

if TYPE_CHECKING:
    from examples.game_api.batch_layer.totals import Totals

STRUCTURED: Final = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
WHOLE: Final = {"specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "purchased_sword"}
PLACE: Final = (int(BEGIN.timestamp()), "stranger", "purchased_sword")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stranger:
    """One record.

    Attributes:
        what: what is strange about it.
        value: the record's.
        headers: the record's.
        counts: whether it is a purchase.
    """

    what: str
    value: bytes | None
    headers: list[tuple[str, str | bytes]]
    counts: bool = False


def _structured(what: str, *, counts: bool = False, **changes: object) -> Stranger:
    value = json.dumps({**WHOLE, "time": "2026-11-25T12:00:00Z", "id": what, **changes}).encode()
    return Stranger(what=what, value=value, headers=[*STRUCTURED], counts=counts)


def _binary(what: str, *more: tuple[str, str], counts: bool = False) -> Stranger:
    core = {"specversion": "1.0", "id": what, "source": "/elsewhere", "type": "purchased_sword"}
    headers = [*((f"ce_{name}", text) for name, text in core.items()), *more]
    return Stranger(what=what, value=b"", headers=[*headers], counts=counts)


STRANGERS: Final = (
    _structured("another zone", time="2026-11-25T14:00:59.999+02:00", counts=True),
    _structured("nanoseconds", time="2026-11-25T12:00:59.999999999Z", counts=True),
    _structured("small letters", time="2026-11-25t12:00:00z", counts=True),
    _binary("great letters", ("CE_Time", "2026-11-25T12:00:00Z"), counts=True),
    _binary("a time given twice", ("ce_time", "x"), ("ce_time", "2026-11-25T12:00:00Z"), counts=True),
    _structured("no zone", time="2026-11-25T12:00:00"),
    _structured("a year for a time", time="2026"),
    _structured("no such day", time="2026-02-30T12:00:00Z"),
    _structured("no id", id=None),
    _binary("no time"),
    Stranger(what="no event", value=b"hello", headers=[]),
    Stranger(what="half a JSON", value=b'{"id": "1", ', headers=[*STRUCTURED]),
    Stranger(what="another JSON", value=b"[1]", headers=[*STRUCTURED]),
    Stranger(what="no text", value=b"\xff\xfe", headers=[*STRUCTURED]),
    Stranger(what="nothing", value=None, headers=[*STRUCTURED]),
)
UNREADABLE: Final = sum(not each.counts for each in STRANGERS)


#: Too late for every stream, and of a player of its own.
LATECOMER: Final = _structured("latecomer", time=(BEGIN - timedelta(hours=2)).isoformat())
LATE_PLACE: Final = (int(BEGIN.timestamp()) - 7200, "latecomer", "purchased_sword")


def send_strangers(bootstrap: str, topic: str) -> None:
    """Write them all, each with the player `stranger` as its key, and behind everything the latecomer."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for key, each in [*(("stranger", stranger) for stranger in STRANGERS), ("latecomer", LATECOMER)]:
        producer.produce(topic, key=key, value=each.value, headers=[*each.headers])
    assert producer.flush(30) == 0


def strangers_totals() -> Totals:
    """What of them counts in every layer: all in one window."""
    return {PLACE: len(STRANGERS) - UNREADABLE}
