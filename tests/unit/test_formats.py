"""The bytes of each format."""

from dataclasses import dataclass

import msgspec
import pytest

from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats import FORMATS

from .event_strategies import BARE, SWORD

CE_HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0190163d-8694-739b-aea5-966c26f8ad91"),
    ("ce_source", b"/game"),
    ("ce_type", b"purchased_sword"),
    ("ce_time", b"2026-03-01T12:30:05.250000Z"),
    ("ce_subject", b"swords"),
    ("ce_partitionkey", b"ana"),
    ("ce_httpmethod", b"POST"),
    ("ce_httpstatus", b"200"),
)
BARE_HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"/game"),
    ("ce_type", b"tick"),
    ("ce_time", b"2026-03-01T00:00:00Z"),
)
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A format's exact value and headers for an event."""

    format: str
    event: Event
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


GOLDEN = [
    Golden(
        format="cloudevents",
        event=SWORD,
        value=b'{"specversion":"1.0","id":"0190163d-8694-739b-aea5-966c26f8ad91","source":"/game",'
        b'"type":"purchased_sword","time":"2026-03-01T12:30:05.250000Z","subject":"swords","partitionkey":"ana",'
        b'"httpmethod":"POST","httpstatus":200,"datacontenttype":"application/json",'
        b'"data":{"color":"red","price":12}}',
        headers=STRUCTURED,
    ),
    Golden(
        format="cloudevents",
        event=BARE,
        value=b'{"specversion":"1.0","id":"1","source":"/game","type":"tick","time":"2026-03-01T00:00:00Z"}',
        headers=STRUCTURED,
    ),
    Golden(
        format="cloudevents-binary",
        event=SWORD,
        value=b'{"color":"red","price":12}',
        headers=(("content-type", b"application/json"), *CE_HEADERS),
    ),
    Golden(format="cloudevents-binary", event=BARE, value=b"", headers=BARE_HEADERS),
    Golden(
        format="plain",
        event=SWORD,
        value=b"purchased_sword",
        headers=(("content-type", b"text/plain"), *CE_HEADERS, ("data", b'{"color":"red","price":12}')),
    ),
    Golden(
        format="plain", event=BARE, value=b"tick", headers=(("content-type", b"text/plain"), *BARE_HEADERS)
    ),
]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden.format}-{golden.event.type}")
def test_bytes_are_those_of_the_binding(golden: Golden) -> None:
    """Each format writes exactly these bytes, in this order, with or without key, subject and data."""
    key = None if golden.event.key is None else golden.event.key.encode()
    assert FORMATS[golden.format](golden.event) == Record(
        id=golden.event.id,
        type=golden.event.type,
        topic="game_users_events",
        key=key,
        value=golden.value,
        headers=golden.headers,
    )


def test_names_of_the_formats() -> None:
    """The names are those of the setting."""
    assert list(FORMATS) == ["cloudevents", "cloudevents-binary", "plain"]


@pytest.mark.parametrize("key", ["", "tab\there", "\ufffe"])
@pytest.mark.parametrize("to_record", FORMATS.values(), ids=FORMATS)
def test_key_that_is_no_attribute_goes_as_the_key_alone(to_record: object, key: str) -> None:
    """A key that CloudEvents allows as no `partitionkey` is the record's key, and the attribute is left out."""
    assert callable(to_record)
    record = to_record(msgspec.structs.replace(BARE, key=key))
    assert record.key == key.encode()
    assert b"partitionkey" not in record.value
    assert "ce_partitionkey" not in dict(record.headers)


def test_null_as_data_is_not_the_absence_of_data() -> None:
    """An explicit null is sent as JSON null, with its content type."""
    event = msgspec.structs.replace(BARE, data=b"null")
    assert FORMATS["cloudevents"](event).value.endswith(b',"datacontenttype":"application/json","data":null}')
    assert FORMATS["cloudevents-binary"](event).value == b"null"
    assert dict(FORMATS["plain"](event).headers)["data"] == b"null"
