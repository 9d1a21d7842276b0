"""The rules in plain Python, over the records as a consumer gets them: what the engines must come to."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from examples.game_api.batch_layer.totals import Totals
from tests.examples.same_totals.story import PURCHASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Headers: TypeAlias = list[tuple[str, bytes | None]]

SILENCE_SECONDS: Final = 20
TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What plain Python reads on a topic.

    Attributes:
        totals: by its rules.
        records: how many there are.
        unreadable: how many of them hold no event with an id, a source, a type and a time.
        purchases: how many of them are players' purchases, copies among them.
        formats: how many are in each content type.
    """

    totals: Totals
    records: int
    unreadable: int
    purchases: int
    formats: dict[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What these rules ask of an event.

    Attributes:
        id: unique in the source.
        source: what emitted it.
        type: what happened.
        window: when: the start of its minute, in seconds since the epoch.
    """

    id: str
    source: str
    type: str
    window: int


def read_reference(bootstrap: str, topic: str) -> Reference:
    """Read a topic that nobody writes to any more, and count."""
    firsts: dict[tuple[str, str], tuple[int, str, str]] = {}
    seen: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    for message in messages(bootstrap, topic):
        headers = headers_of(message)
        event, key = event_of(message.value(), headers), message.key()
        formats[headers.get("content-type", b"none").decode()] += 1
        seen["unreadable"] += event is None
        if event is None or event.type not in PURCHASES or key is None:
            continue
        seen["purchases"] += 1
        # A player's records are in one partition, so that what comes first here came first.
        firsts.setdefault((event.source, event.id), (event.window, key.decode(), event.type))
    return Reference(
        totals=dict(Counter(firsts.values())), records=formats.total(), unreadable=seen["unreadable"],
        purchases=seen["purchases"], formats=dict(formats),
    )  # fmt: skip


def headers_of(message: Message) -> dict[str, bytes]:
    """A record's headers by their small names; of several the last, and one that is null is none."""
    return {
        name.lower(): content
        for name, content in cast("Headers", message.headers() or [])
        if content is not None
    }


def event_of(value: bytes | None, headers: Mapping[str, bytes]) -> Read | None:
    """The event in a record, or None where there is none."""
    try:
        found = attributes_of(value or b"", headers)
        return Read(
            id=found["id"], source=found["source"], type=found["type"], window=window_of(found["time"])
        )
    except (KeyError, TypeError, ValueError):  # what isn't there, what isn't text, what isn't JSON or a time
        return None


def attributes_of(value: bytes, headers: Mapping[str, bytes]) -> dict[str, str]:
    """The attributes that a record has: members of its JSON, or headers."""
    if headers.get("content-type", b"").startswith(b"application/cloudevents+json"):
        found = dict(json.loads(value)).items()
    else:
        found = {name.removeprefix("ce_"): text.decode() for name, text in headers.items()}.items()
    return {name: text for name, text in found if text is not None}


def window_of(time: str) -> int:
    """The start of a time's minute, in seconds since the epoch."""
    found = TIME.fullmatch(time)
    if found is None:
        raise ValueError(time)
    moment = datetime.strptime(
        found[1].upper() + found[2].upper().replace("Z", "+00:00"), "%Y-%m-%dT%H:%M:%S%z"
    )
    return int(moment.timestamp()) // 60 * 60


def messages(bootstrap: str, topic: str) -> Iterator[Message]:
    """Every record that is on a topic now, in the order of each partition.

    Raises:
        TimeoutError: the broker says nothing for a while.
    """
    config = {"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False}
    consumer = Consumer(config)
    try:
        left = 0
        for partition in consumer.list_topics(topic, timeout=SILENCE_SECONDS).topics[topic].partitions:
            place = TopicPartition(topic, partition, OFFSET_BEGINNING)
            low, high = consumer.get_watermark_offsets(place, timeout=SILENCE_SECONDS)
            left += high - low
            consumer.incremental_assign([place])
        while left:
            batch = consumer.consume(min(left, 1000), SILENCE_SECONDS)
            if not batch:
                raise TimeoutError(f"Nothing more of {topic} for {SILENCE_SECONDS} s, and not its end.")
            yield from batch
            left -= len(batch)
    finally:
        consumer.close()
