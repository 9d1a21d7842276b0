"""How far somebody has read: the id of each message of the stream, and what a browser sends back as Last-Event-ID.

Written `cluster/partition:offset,partition:offset`. One offset is not enough where a topic has several partitions; and
the cluster is named because the embedded broker begins again at offset 0 when it is started anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

# A position is an id that browsers keep and send back: anybody can make one up.
_LONGEST: Final = 4_096
_WRITTEN: Final = re.compile(
    r"(?P<topic>[\w.+=#-]*)/(?P<offsets>(?:\d{1,9}:\d{1,18}(?:,(?=\d)|\Z))*)", re.ASCII
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """How far a topic was read.

    Attributes:
        topic: which life of the topic: offsets of another one mean nothing here.
        offsets: the last one that was read, by partition.
    """

    topic: str
    offsets: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        places = ",".join(f"{partition}:{offset}" for partition, offset in sorted(self.offsets.items()))
        return f"{self.topic}/{places}"


def read_position(text: str) -> Position | None:
    """The position that a text tells, or None where it tells none."""
    written = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if written is None:
        return None
    places = [place.split(":") for place in written["offsets"].split(",") if place]
    return Position(
        topic=written["topic"], offsets={int(partition): int(offset) for partition, offset in places}
    )
