"""Whatever data holds, encoding it ends in bytes or in an EncodingError."""

import dataclasses
import math
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.encoding import encode_data
from flask_kafka_events.errors import EncodingError

from .event_strategies import JSON_LEAVES


class Raises(Exception):
    """What hostile objects raise."""


def fail(*_: object) -> NoReturn:
    """Stand in for any method."""
    raise Raises("a secret")


class Hostile:
    """An object that raises whatever is asked of it."""

    __str__ = __repr__ = __hash__ = __eq__ = __getattribute__ = __iter__ = __len__ = fail
    __class__ = property(fail)


class HostileDict(dict[str, object]):
    """A dict that raises whatever is asked of it."""

    __iter__ = __len__ = items = keys = values = __getitem__ = fail


class HostileList(list[object]):
    """A list that can't be iterated."""

    __iter__ = fail


class HostileText(str):
    """A str that can't be shown."""

    __slots__ = ()
    __str__ = __repr__ = encode = fail  # type: ignore[assignment]


class HostileMeta(type):
    """A class of classes that tell nothing of themselves."""

    __getattribute__ = fail


def nameless() -> object:
    """An object of a class without a name; made here, where pytest doesn't look at the class."""
    return HostileMeta.__call__(type.__new__(HostileMeta, "Nameless", (), {}))


@dataclasses.dataclass
class HostileFields:
    """A dataclass whose fields can't be read."""

    name: str = "x"

    __getattribute__ = fail


class HostileDecimal(Decimal):
    """A Decimal that can't be asked."""

    is_finite = is_nan = __str__ = __float__ = fail


# Made by functions: neither pytest nor hypothesis can show or hash them.
HOSTILE: dict[str, Callable[[], object]] = {
    "object": Hostile,
    "dict": lambda: HostileDict(a=1),
    "list": lambda: HostileList([1]),
    "class": nameless,
    "fields": HostileFields,
    "decimal": lambda: HostileDecimal("NaN"),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_objects_end_in_an_encoding_error(make: Callable[[], object]) -> None:
    """Nothing that an object raises comes out, and nothing that it says."""
    with pytest.raises(EncodingError) as caught:
        encode_data({"a": make()})
    assert "secret" not in str(caught.value)
    assert caught.value.path.startswith("data")


def test_hostile_text_is_text() -> None:
    """A str is read as the str it is, without asking it, as a value and in a path."""
    assert encode_data([HostileText("ana")]) == b'["ana"]'
    with pytest.raises(EncodingError) as caught:
        encode_data({HostileText("ana"): math.nan})
    assert caught.value.path == 'data["ana"]'


class Holder(msgspec.Struct):
    """A Struct that holds anything."""

    content: Any


@dataclasses.dataclass
class Player:
    """A dataclass that holds anything."""

    name: Any


JUNK_LEAVES = (
    JSON_LEAVES
    | st.floats()
    | st.decimals()
    | st.text(st.characters(exclude_categories=[]))
    | st.binary()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.timedeltas()
    | st.times()
    | st.uuids()
    | st.complex_numbers()
    | st.builds(object)
    | st.builds(threading.Lock)
    | st.sampled_from([msgspec.UNSET, ..., NotImplemented, encode_data])
)
KEYS = st.text() | st.integers() | st.none() | st.booleans() | st.floats() | st.binary() | st.uuids()
JUNK = st.recursive(
    JUNK_LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(Holder, inner)
        | st.builds(Player, inner)
    ),
)


@given(JUNK)
def test_arbitrary_objects_raise_nothing_but_encoding_errors(value: object) -> None:
    """Any mixture of good and bad values is written whole, or refused with a path."""
    try:
        encoded = encode_data(value)
    except EncodingError as refusal:
        path, message = refusal.path, str(refusal)
    else:
        msgspec.json.decode(encoded)
        return
    assert path.startswith("data")
    assert path in message


@given(JUNK)
def test_no_nan_becomes_null(value: object) -> None:
    """Of what is written, null stands only where None was."""
    try:
        encoded = encode_data([value])
    except EncodingError:
        return
    assert nulls(msgspec.json.decode(encoded)) == nones([value])


def nulls(value: object) -> int:
    """How often null stands in a decoded value."""
    if isinstance(value, dict):
        return sum(nulls(item) for item in value.values())
    if isinstance(value, list):
        return sum(nulls(item) for item in value)
    return value is None


def nones(value: object) -> int:
    """How often None stands in a value that can be encoded."""
    if isinstance(value, dict):
        return sum(nones(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(nones(item) for item in value)
    if type(value) is Holder:
        return nones(value.content)
    if type(value) is Player:
        return nones(value.name)
    return value is None
