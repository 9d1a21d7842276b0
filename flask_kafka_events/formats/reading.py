"""Records read back as events, whichever of the three formats they are in."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from flask_kafka_events.attributes import AttributeValue, checked_attributes, checked_string
from flask_kafka_events.errors import InvalidAttribute
from flask_kafka_events.event import Event, Record
from flask_kafka_events.uri_references import is_uri_reference

# Headers are text: of these, which we write ourselves, it is known that they were integers.
INTEGER_ATTRIBUTES: Final = frozenset({"httpstatus", "durationus"})

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,9}")
# msgspec rounds what is finer, up to the next second and minute too.
_MICROSECONDS: Final = re.compile(r"(\.[0-9]{6})[0-9]+")
_JSON: Final = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_STRUCTURED: Final = re.compile(r"application/cloudevents\+json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)

Headers: TypeAlias = Mapping[str, bytes]


class _Core(msgspec.Struct):
    """The core attributes of a readable event; `partitionkey` among them, since it isn't an extension of ours."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    subject: str | None = None
    datacontenttype: str = "application/json"
    dataschema: str | None = None
    partitionkey: str | None = None


def read(
    *,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] | None,
    key: bytes | None,
    topic: str,
) -> Event | None:
    """The event in a record, or None where there is none that could be written in one of our formats.

    Integer attributes of headers come back as str, but for `INTEGER_ATTRIBUTES`. The record's key comes before the
    attribute `partitionkey`; one that isn't UTF-8 is left out. `dataschema` is left out. A CloudEvent without a time,
    or with data other than JSON, is None too.

    Args:
        value: the record's, as a consumer got it: it may be anything.
        headers: the record's; of several with one name the last counts.
        key: the record's.
        topic: where it was read.
    """
    present = {name.lower(): content for name, content in headers or () if content is not None}
    try:
        context, data = _parts(value or b"", present)
        return _event(context, data, key, topic)
    except (InvalidAttribute, msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        # Everything that malformed bytes raise here and below; in msgspec 0.18 its errors were no ValueErrors.
        return None


def read_record(record: Record) -> Event | None:
    """The event in a record that this package made, or None as `read` has it."""
    return read(value=record.value, headers=record.headers, key=record.key, topic=record.topic)


def _parts(value: bytes, headers: Headers) -> tuple[dict[str, object], bytes | None]:
    """The context attributes and the data."""
    content_type = headers.get("content-type", b"").decode()
    if _STRUCTURED.fullmatch(content_type):
        return _structured_parts(value)
    context = _header_context(headers)
    if content_type == "text/plain" and value.decode() == context.get("type"):
        return context, headers.get("data")
    if content_type:
        context["datacontenttype"] = content_type
    return context, value or None


def _structured_parts(value: bytes) -> tuple[dict[str, object], bytes | None]:
    members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    data = members.pop("data", None)
    natives = ((name, _native(raw)) for name, raw in members.items())
    # json-format.md, section 2.2: null is the same as left out.
    context = {name: native for name, native in natives if native is not None}
    return context, None if data is None else bytes(data)


def _header_context(headers: Headers) -> dict[str, object]:
    texts = {name: content.decode() for name, content in headers.items() if name.startswith("ce_")}
    context: dict[str, object] = {name.removeprefix("ce_"): text for name, text in texts.items()}
    for name in INTEGER_ATTRIBUTES & context.keys():
        context[name] = _integer(texts[f"ce_{name}"])
    return context


def _event(context: dict[str, object], data: bytes | None, key: bytes | None, topic: str) -> Event:
    time = context.get("time")
    if isinstance(time, str):
        context["time"] = _MICROSECONDS.sub(r"\1", time)
    core = msgspec.convert(context, _Core)
    if not (_JSON.fullmatch(core.datacontenttype) and core.source and is_uri_reference(core.source)):
        raise InvalidAttribute("The data is not JSON, or the source is no URI-reference.")
    if data is not None:
        msgspec.json.decode(data)
    extensions = {name: value for name, value in context.items() if name not in _Core.__struct_fields__}
    return Event(
        id=checked_string("id", core.id),
        source=core.source,
        type=checked_string("type", core.type),
        time=core.time.astimezone(timezone.utc),
        topic=topic,
        key=_key(key, core.partitionkey),
        subject=None if core.subject is None else checked_string("subject", core.subject),
        data=data,
        attributes=checked_attributes(extensions),
    )


def _native(raw: msgspec.Raw) -> object:
    """A member of the JSON format; a boolean as its canonical string, which attributes here can hold."""
    value = msgspec.json.decode(raw)
    return str(value).lower() if isinstance(value, bool) else value


def _integer(text: str) -> AttributeValue:
    return int(text) if _INTEGER.fullmatch(text) else text


def _key(key: bytes | None, partition_key: str | None) -> str | None:
    if key is None:
        return partition_key
    with suppress(UnicodeDecodeError):
        return key.decode()
    return partition_key
