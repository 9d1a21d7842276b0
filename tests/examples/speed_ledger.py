"""Purchases as a producer may leave them on a topic, and what a speed layer must make of them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
from confluent_kafka import Producer

from flask_kafka_events import Event
from flask_kafka_events.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable

LATE_SECONDS: Final = 60
WINDOW_SECONDS: Final = 60
ALERT_SWORDS: Final = 10
BEGIN: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
TYPES: Final = ("purchased_sword", "purchased_sword", "purchased_knife")
#: Events of one player are at most this much out of order, and still in time.
JITTER_SECONDS: Final = LATE_SECONDS - 5

#: A row of `totals`: the window's start, the player and the type.
Row = tuple[str, str, str]
#: A record's key, value and headers.
Raw = tuple[bytes | None, bytes, list[tuple[str, str | bytes | None]]]


@dataclass(kw_only=True, slots=True)
class Ledger:
    """Feeds a topic, and knows what is to come of it.

    Attributes:
        bootstrap: where Kafka is.
        topic: what is fed.
        seed: what chance goes by.
        totals: the purchases of each window, player and type.
        kinds: how many records are of each kind, as `progress` names them.
        late: the ids of those beyond the bound.
    """

    bootstrap: str
    topic: str
    seed: int
    players: int = 12
    totals: Counter[Row] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    late: set[str] = field(default_factory=set)
    _now: float = 0.0
    _latest: dict[str, float] = field(default_factory=dict)
    _recent: list[tuple[float, Event]] = field(default_factory=list)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    @property
    def records(self) -> int:
        """How many were sent."""
        return self.kinds.total()

    @property
    def alerts(self) -> set[tuple[str, str]]:
        """The window's start and the player of each alert."""
        swords = {row: number for row, number in self.totals.items() if row[2] == "purchased_sword"}
        return {(start, player) for (start, player, _), number in swords.items() if number >= ALERT_SWORDS}

    def feed(self, records: int) -> None:
        """Send so many records, and wait until Kafka has them.

        Among ten are about one duplicate, some that are out of order, and now and then one that is too late, one that
        is no purchase, one by nobody and one that is no event at all.
        """
        self._produce(self._next() for _ in range(records))

    def send(self, event: Event) -> None:
        """Send one purchase that is in time, and count it."""
        self._count(event)
        self._produce([_record(event)])

    def _produce(self, records: Iterable[Raw]) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5, "enable.idempotence": True})
        for key, value, headers in records:
            producer.produce(self.topic, key=key, value=value, headers=headers)
            producer.poll(0)
        assert producer.flush(30) == 0
        producer.close()

    def purchase(
        self, player: str, *, type: str = "purchased_sword", seconds: float, **more: object
    ) -> Event:
        """A purchase at so many seconds of the ledger's time; not counted yet."""
        time = BEGIN + timedelta(seconds=seconds)
        id_ = str(UUID(int=self._chance.getrandbits(128), version=4))
        return Event(id=id_, source="/game", type=type, time=time, topic=self.topic, key=player, **more)  # type: ignore[arg-type]

    def _next(self) -> Raw:
        self._now += self._chance.uniform(0, 0.5)
        dice = self._chance.random()
        if dice < 0.01:
            self.kinds["malformed"] += 1
            return b"ana", self._chance.randbytes(20), [("ce_id", b"\xff"), ("content-type", b"text/plain")]
        if dice < 0.10 and self._recent:
            return self._again()
        if dice < 0.12 and self._latest:
            return self._too_late()
        return self._new(dice)

    def _new(self, dice: float) -> Raw:
        player = f"player-{self._chance.randrange(self.players)}"
        seconds = self._now - self._chance.choice((0, 0, 0, self._chance.uniform(0, JITTER_SECONDS)))
        event = self.purchase(player, type=self._chance.choice(TYPES), seconds=max(seconds, 0.0))
        if dice < 0.14:
            self.kinds["unnamed"] += 1
            return _record(event, key=None)
        if dice < 0.18:
            self.kinds["other"] += 1
            return _record(self.purchase(player, type="joined_guild", seconds=self._now))
        self._count(event)
        return _record(event)

    def _count(self, event: Event) -> None:
        assert event.key is not None
        seconds = (event.time - BEGIN).total_seconds()
        start = BEGIN + timedelta(seconds=seconds // WINDOW_SECONDS * WINDOW_SECONDS)
        self.totals[start.isoformat(), event.key, event.type] += 1
        self.kinds["counted"] += 1
        self._latest[event.key] = max(self._latest.get(event.key, 0.0), seconds)
        self._recent = [*self._recent[-50:], (seconds, event)]

    def _again(self) -> Raw:
        """One of the last once more, where it is still known."""
        seconds, event = self._chance.choice(self._recent)
        if self._latest[event.key or ""] - seconds > JITTER_SECONDS:
            return self._new(1.0)
        self.kinds["duplicate"] += 1
        # As it is, or as a client tells it that asks again: a little later.
        moved = timedelta(seconds=self._chance.choice((0.0, self._chance.uniform(0, 300))))
        return _record(msgspec.structs.replace(event, time=event.time + moved))

    def _too_late(self) -> Raw:
        player, latest = self._chance.choice(sorted(self._latest.items()))
        seconds = latest - LATE_SECONDS - self._chance.uniform(2, 100)
        event = self.purchase(player, seconds=seconds)
        self.kinds["late"] += 1
        self.late.add(event.id)
        return _record(event)


def _record(event: Event, **other: None) -> Raw:
    record = FORMATS["plain"](event)
    headers: list[tuple[str, str | bytes | None]] = [
        each for each in record.headers if "key" not in other or each[0] != "ce_partitionkey"
    ]
    return None if "key" in other else record.key, record.value, headers
