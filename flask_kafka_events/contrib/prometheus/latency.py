"""How long a delivered event was on its way."""

import re
import time
from typing import Final

from flask_kafka_events.event import Record
from flask_kafka_events.formats.reading import read_record

_UUID7: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def seconds_since_emit(record: Record) -> float | None:
    """Seconds from a record's emit to now, 0 where the clock was set back; None where it can't be told.

    No time is taken for it as an event is emitted: its id has one, in milliseconds, which the journal keeps, so that the
    time which an event spent on disk counts too. An id that is derived from an `Idempotency-Key` has none; there the
    event's own `time` stands in, when its function returned.
    """
    emitted = _time_of(record)
    return None if emitted is None else max(0.0, time.time() - emitted)


def _time_of(record: Record) -> float | None:
    found = _UUID7.fullmatch(record.id)
    if found is not None:
        return int(found[1] + found[2], 16) / 1000
    event = read_record(record)
    return None if event is None else event.time.timestamp()
