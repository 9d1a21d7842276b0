"""What a record is to the speed layer: a purchase by a player, or why it counts for none."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, TypedDict

from flask_kafka_events import Event
from flask_kafka_events.formats import reading

#: The types of events that are purchases begin like this.
PURCHASED: Final = "purchased_"

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
MILLISECOND: Final = timedelta(milliseconds=1)
NO_EVENT: Final = "It is no event in a format of this package: required headers are missing or wrong."
NO_WINDOW: Final = "Its time is before 1970 or after 9998, which no window has."
NO_NAME: Final = "Its key has a NUL character, which no name in a database can have."


class Fact(TypedDict, total=False):
    """A record, read. What flows through the windows and lies in their state, so that it is made of what JSON has.

    Attributes:
        kind: `purchase`, `unnamed` (a purchase by nobody), `other` (no purchase) or `malformed`; `duplicate` or `late` is
            what a purchase may turn out to be.
        reason: why it is malformed.
        identity: `source` and `id`, which together tell two events apart.
        id: the event's.
        type: the event's.
        player: the record's key.
        at: the event's time, in milliseconds.
        trace: its `traceparent`; empty for none.
        late_by: by how many milliseconds it is too late.
    """

    kind: str
    reason: str
    identity: str
    id: str
    type: str
    player: str
    at: int
    trace: str
    late_by: int


Headers = Sequence[tuple[str, bytes | None]] | None


def fact_of(value: bytes | None, key: bytes | None, timestamp: int, headers: Headers) -> Fact:
    """What a record is; never raises, for one that did would stop its partition for good.

    Args:
        value: the record's.
        key: the record's.
        timestamp: the record's, in milliseconds: it stands for the time of what has none.
        headers: the record's.
    """
    event = reading.read(value=value, headers=headers, key=key, topic="")
    if event is None:
        return Fact(kind="malformed", reason=NO_EVENT, at=timestamp)
    if not FIRST_YEAR <= event.time.year <= LAST_YEAR:
        return Fact(kind="malformed", reason=NO_WINDOW, at=timestamp)
    if not event.type.startswith(PURCHASED):
        return Fact(kind="other", at=timestamp)
    # The windows' state belongs to the record's key: by nothing else do all events of a player come to one partition.
    if not key or not event.key or event.key.encode() != key:
        return Fact(kind="unnamed", at=timestamp)
    if "\0" in event.key:
        return Fact(kind="malformed", reason=NO_NAME, at=timestamp)
    return _purchase(event, event.key)


def _purchase(event: Event, player: str) -> Fact:
    return Fact(
        kind="purchase",
        identity=f"{event.source} {event.id}",
        id=event.id,
        type=event.type,
        player=player,
        at=(event.time - EPOCH) // MILLISECOND,
        trace=str(event.attributes.get("traceparent", "")),
    )
