"""Records read back as events."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats import FORMATS
from flask_kafka_events.formats.reading import read

from .event_strategies import BARE, INTEGERS, STRINGS, SWORD, events

CE = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t")]
TIMED = [*CE, ("ce_time", b"2026-03-01T00:00:00Z")]
STRUCTURED = [("content-type", b"application/cloudevents+json")]
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-03-01T00:00:00Z"}
SOME_BYTES = st.binary(max_size=40)
HEADER_NAMES = st.sampled_from(
    ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_httpstatus", "data"]
)
HEADER_VALUES = (
    st.sampled_from([b"1.0", b"text/plain", b"application/cloudevents+json", b"2026-03-01T00:00:00Z"])
    | SOME_BYTES
    | st.none()
)


def read_back(record: Record) -> Event | None:
    """What `read` makes of a record as a consumer got it."""
    return read(value=record.value, headers=record.headers, key=record.key, topic=record.topic)


def read_structured(**members: object) -> Event | None:
    """What `read` makes of a JSON event with these members changed or added."""
    value = msgspec.json.encode({**ENVELOPE, **members})
    return read(value=value, headers=STRUCTURED, key=None, topic="t")


@given(event=events(STRINGS | INTEGERS))
def test_json_event_comes_back_as_it_was(event: Event) -> None:
    """What is written as `cloudevents` is read back equal: keys, integers and every byte of the data."""
    assert read_back(FORMATS["cloudevents"](event)) == event


@given(event=events(STRINGS), name=st.sampled_from(["cloudevents-binary", "plain"]))
def test_event_in_headers_comes_back_as_it_was(event: Event, name: str) -> None:
    """What is written with headers is read back equal, our own integer attributes as integers."""
    assert read_back(FORMATS[name](event)) == event


@pytest.mark.parametrize("name", ["cloudevents-binary", "plain"])
def test_integers_of_others_come_back_as_text(name: str) -> None:
    """A header doesn't tell an integer from digits: what isn't our own attribute stays a str."""
    found = read_back(FORMATS[name](SWORD.replace(attributes={"seat": 7})))
    assert found
    assert found.attributes == {**SWORD.attributes, "seat": "7"}


@given(
    value=SOME_BYTES | st.none(),
    headers=st.lists(st.tuples(HEADER_NAMES | st.text(), HEADER_VALUES)) | st.none(),
    key=SOME_BYTES | st.none(),
)
def test_arbitrary_records_raise_nothing(
    value: bytes | None, headers: list[tuple[str, bytes | None]] | None, key: bytes | None
) -> None:
    """Whatever is on a topic, reading gives an event or None."""
    found = read(value=value, headers=headers, key=key, topic="t")
    assert found is None or found.decoded() is None or found.data


@given(
    value=SOME_BYTES | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(msgspec.json.encode)
)
def test_arbitrary_json_raises_nothing(value: bytes) -> None:
    """A value that only claims to be a JSON event is None."""
    assert read(value=value, headers=STRUCTURED, key=None, topic="t") is None


@pytest.mark.parametrize(
    "members",
    [
        {"specversion": "0.3"},
        {"id": ""},
        {"id": 5},
        {"source": ""},
        {"source": "a b"},
        {"type": "a\n"},
        {"subject": ""},
        {"time": None},
        {"time": "2026-03-01T00:00:00"},
        {"time": "0001-01-01T00:00:00+02:00"},
        {"data_base64": "eA=="},
        {"datacontenttype": "text/xml", "data": "<a/>"},
        {"Upper": "x"},
        {"nested": {}},
        {"huge": 2**31},
        {"partitionkey": 7},
    ],
)
def test_json_that_breaks_a_rule_is_no_event(members: dict[str, object]) -> None:
    """A member that CloudEvents forbids, or that has no place in our events, makes it None."""
    assert read_structured(**members) is None


def test_json_of_others_is_read_by_the_rules_of_cloudevents() -> None:
    """Null is unset, a boolean its canonical text, dataschema left out, time in UTC, partitionkey the key."""
    found = read_structured(
        subject=None,
        flag=True,
        dataschema="https://example.com/schema",
        time="2026-03-01T02:00:00+02:00",
        partitionkey="k",
        datacontenttype="application/vnd.game+json",
        data=[1],
    )
    assert found
    assert found == Event(
        id="1",
        source="/s",
        type="t",
        time=BARE.time,
        topic="t",
        key="k",
        data=b"[1]",
        attributes={"flag": "true"},
    )


@pytest.mark.parametrize("fraction", ["999999", "9999994", "999999999", "999999500000000000"])
def test_time_is_cut_to_microseconds(fraction: str) -> None:
    """What happened in one minute didn't happen in the next: nothing is rounded up."""
    time = f"2026-03-01T00:00:59.{fraction}Z"
    of_headers = read(value=b"", headers=[*CE, ("ce_time", time.encode())], key=None, topic="t")
    for found in (read_structured(time=time), of_headers):
        assert found
        assert found.time == BARE.time.replace(second=59, microsecond=999_999)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        CE,
        [*TIMED, ("content-type", b"application/avro")],
        [*TIMED, ("content-type", b"application/cloudevents+avro")],
        [*TIMED, ("content-type", b"\xff")],
        [*TIMED, ("ce_extra", b"\xff")],
        [*TIMED, ("ce_not-a-name", b"x")],
        [(name, None) for name, _ in TIMED],
    ],
)
def test_headers_that_break_a_rule_are_no_event(headers: list[tuple[str, bytes | None]] | None) -> None:
    """Without the required headers, a time, valid text or JSON there is None."""
    assert read(value=b"{}", headers=headers, key=None, topic="t") is None


def test_text_that_is_not_the_type_is_no_event_of_ours() -> None:
    """Another producer's text/plain CloudEvent isn't taken for `plain`."""
    headers = [*TIMED, ("content-type", b"text/plain")]
    assert read(value=b"hello", headers=headers, key=None, topic="t") is None


@pytest.mark.parametrize("value", [b"", None])
def test_no_value_is_no_data(value: bytes | None) -> None:
    """An empty value and a null one are both an event without data."""
    found = read(value=value, headers=[*TIMED, ("content-type", b"application/json")], key=None, topic="t")
    assert found
    assert found.data is None


@pytest.mark.parametrize(("key", "expected"), [(b"k", "k"), (b"", ""), (None, "p"), (b"\xff", "p")])
def test_key_of_the_record_comes_first(key: bytes | None, expected: str) -> None:
    """The record's key counts before `partitionkey`, unless it is none or no text."""
    found = read(value=b"{}", headers=[*TIMED, ("CE_PartitionKey", b"p")], key=key, topic="t")
    assert found
    assert found.key == expected


def test_status_that_is_no_integer_stays_text() -> None:
    """Another producer's `httpstatus` of words is read as it is."""
    found = read(value=b"", headers=[*TIMED, ("ce_httpstatus", b"fine")], key=None, topic="t")
    assert found
    assert found.attributes == {"httpstatus": "fine"}
