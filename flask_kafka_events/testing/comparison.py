"""What a test expects of an event, and where an event differs from that."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from flask_kafka_events.encoding import encode_data
from flask_kafka_events.errors import EncodingError, InvalidKey
from flask_kafka_events.event import Event, Record, key_text


class Missing:
    """Stands where an event has nothing."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = Missing()

_Number: TypeAlias = bool | int | float


class Difference(msgspec.Struct, frozen=True):
    """One place where an event isn't what was expected.

    Attributes:
        place: as written in Python: `data['items'][2]['price']`.
        expected: what the test said.
        found: what is there; `MISSING` for nothing.
    """

    place: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.place} is {self.found!r}, not {self.expected!r}"


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a test expects of one event; what is `UNSET` may be anything.

    Attributes:
        type: the event's.
        data: as `differences` takes it; None for an event without data.
        key: what `emit` takes as a key; None for no key.
        topic: where it goes.
        attributes: some of its extension attributes.
        headers: some of its record's headers, as text or bytes.
    """

    type: str
    data: Any = UNSET
    key: Any = UNSET
    topic: str | UnsetType = UNSET
    attributes: Mapping[str, Any] | UnsetType = UNSET
    headers: Mapping[str, str | bytes] | UnsetType = UNSET

    def differs(self, event: Event, record: Record) -> list[Difference]:
        """Every place where an event isn't so."""
        found: dict[str, object] = {
            "type": event.type,
            "data": event.decoded(),
            "key": event.key,
            "topic": event.topic,
            "attributes": event.attributes,
            "headers": {name: _text(value) for name, value in record.headers},
        }
        return [
            difference
            for name, value in self._said().items()
            for difference in differences(value, found[name], name)
        ]

    def _said(self) -> dict[str, Any]:
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        said = {name: value for name, value in said.items() if value is not UNSET}
        if "key" in said:
            said["key"] = _key(self.key)
        if not isinstance(self.headers, UnsetType):
            said["headers"] = {name: _text(value) for name, value in self.headers.items()}
        return said

    def __str__(self) -> str:
        more = {name: value for name, value in self._said().items() if name != "type"}
        rest = ", ".join(f"{name} {value!r}" for name, value in more.items())
        return f"{self.type!r}" + (f" with {rest}" if rest else "")


def differences(expected: Any, found: Any, place: str) -> Iterator[Difference]:
    """Where `found`, which was read from JSON, isn't what was expected.

    A mapping expects what it names and lets other fields be, at any depth; a list or tuple expects all items in their
    order, a set all in any order. What compares equal is equal (`unittest.mock.ANY`, `pytest.approx(1.5)`), but True isn't 1.
    What JSON has no form of its own for (a datetime, a Decimal, a dataclass) is compared as it would be sent.
    """
    if found is MISSING:
        yield Difference(place, expected, found)
    elif isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name, value in expected.items():
            yield from differences(value, found.get(name, MISSING), f"{place}[{name!r}]")
    elif isinstance(expected, list | tuple) and isinstance(found, list):
        yield from _in_items(expected, found, place)
    elif isinstance(expected, set | frozenset) and isinstance(found, list):
        if not _are_members(expected, found):
            yield Difference(place, expected, found)
    elif not _are_equal(expected, found):
        yield from _as_sent(expected, found, place)


def _in_items(expected: list[Any] | tuple[Any, ...], found: list[Any], place: str) -> Iterator[Difference]:
    if len(expected) != len(found):
        yield Difference(place, expected, found)
        return
    for number, value in enumerate(expected):
        yield from differences(value, found[number], f"{place}[{number}]")


def _as_sent(expected: Any, found: object, place: str) -> Iterator[Difference]:
    try:
        sent = msgspec.json.decode(encode_data(expected))
    except EncodingError:  # a matcher, and it doesn't match
        sent = expected
    if type(sent) is type(expected):
        yield Difference(place, expected, found)
    else:
        yield from differences(sent, found, place)


def _are_members(expected: set[Any] | frozenset[Any], found: list[Any]) -> bool:
    return len(expected) == len(found) and all(
        any(not list(differences(each, member, "")) for member in found) for each in expected
    )


def _are_equal(expected: object, found: object) -> bool:
    if isinstance(expected, _Number) and isinstance(found, _Number):
        return isinstance(expected, bool) == isinstance(found, bool) and expected == found
    if isinstance(expected, Decimal):  # which is sent as text: the number 1 isn't Decimal("1.00")
        return False
    try:
        return bool(expected == found)
    except Exception:  # noqa: BLE001 - what the test compares with may raise anything (an array has no truth value)
        return False


def _key(key: Any) -> Any:
    try:
        return key_text(key)
    except InvalidKey:  # a matcher
        return key


def _text(header: Any) -> Any:
    """A header's value, so that equal bytes are equal texts; a matcher as it is."""
    if isinstance(header, str):
        header = header.encode(errors="surrogatepass")
    return header.decode(errors="surrogateescape") if isinstance(header, bytes) else header
