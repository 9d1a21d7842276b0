"""Hypothesis strategies for whatever a valid event may be made of."""

from datetime import datetime, timezone

from hypothesis import strategies as st

from flask_kafka_events.attributes import CORE_NAMES, INTEGER_MAX, INTEGER_MIN, AttributeValue, is_string
from flask_kafka_events.encoding import encode_data
from flask_kafka_events.event import Event
from flask_kafka_events.formats.reading import INTEGER_ATTRIBUTES

STRINGS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30).filter(
    is_string
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20).filter(
    lambda name: name not in CORE_NAMES | INTEGER_ATTRIBUTES | {"partitionkey"}
)
INTEGERS = st.integers(INTEGER_MIN, INTEGER_MAX)

JSON_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON_VALUES = st.recursive(
    JSON_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def events(values: st.SearchStrategy[AttributeValue]) -> st.SearchStrategy[Event]:
    """Valid events, whose own extension attributes have values from `values`."""
    return st.builds(
        Event,
        id=STRINGS.filter(bool),
        source=st.sampled_from(["/game", "https://example.com/a?b#c", "urn:x:1"]),
        type=STRINGS.filter(bool),
        time=st.datetimes(timezones=st.just(timezone.utc)),
        topic=st.just("game_users_events"),
        key=st.none() | st.text(),
        subject=st.none() | STRINGS.filter(bool),
        data=st.none() | JSON_VALUES.map(encode_data),
        attributes=st.builds(
            dict[str, AttributeValue],
            st.dictionaries(NAMES, values, max_size=4),
            httpstatus=INTEGERS,
            durationus=INTEGERS,
        ),
    )


SWORD = Event(
    id="0190163d-8694-739b-aea5-966c26f8ad91",
    source="/game",
    type="purchased_sword",
    time=datetime(2026, 3, 1, 12, 30, 5, 250000, tzinfo=timezone.utc),
    topic="game_users_events",
    key="ana",
    subject="swords",
    data=b'{"color":"red","price":12}',
    attributes={"httpmethod": "POST", "httpstatus": 200},
)
BARE = Event(
    id="1",
    source="/game",
    type="tick",
    time=datetime(2026, 3, 1, tzinfo=timezone.utc),
    topic="game_users_events",
)
