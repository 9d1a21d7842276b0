"""What data may not hold, and what its error says."""

import dataclasses
import enum
import math
import socket
import threading
import types
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

import msgspec
import pytest
from werkzeug.datastructures import CombinedMultiDict, MultiDict

from flask_kafka_events.encoding import encode_data
from flask_kafka_events.errors import EncodingError

NO_NUMBER = (
    "is NaN or infinite, which JSON has no number for. Put a finite number or None there, or leave it out."
)
PUT = "Put a str, number, bool, None, list, set, dict, datetime, Decimal, UUID, dataclass or bytes there, or leave it out."
SURROGATE = (
    "holds a lone surrogate, half a character that UTF-8 can't carry. "
    "Decode its bytes with errors='replace', or leave it out."
)


@dataclasses.dataclass
class Player:
    """A dataclass that holds anything."""

    name: Any


class Box(msgspec.Struct):
    """A Struct that holds anything."""

    content: Any


class Odd(enum.Enum):
    """An enumeration of what JSON has no number for."""

    NAN = math.nan


class BadZone(tzinfo):
    """A time zone that fails."""

    def _fail(self, _: datetime | None) -> NoReturn:
        raise ZeroDivisionError("a secret")

    utcoffset = dst = tzname = _fail


class LyingFloat(float):
    """A float that calls itself finite."""

    def __float__(self) -> float:
        return 1.0


def refusal(value: object) -> EncodingError:
    """The error of encoding this."""
    with pytest.raises(EncodingError) as caught:
        encode_data(value)
    return caught.value


def test_a_socket_is_refused_with_its_place() -> None:
    """The error says what is there, where, and what to put there."""
    with socket.socket() as open_socket:
        error = refusal({"player": "ana", "socket": open_socket})
    assert str(error) == f'data["socket"] is a socket.socket, which JSON can\'t carry. {PUT}'
    assert error.path == 'data["socket"]'


@pytest.mark.parametrize(
    "number", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")]
)
def test_what_is_no_number_is_refused(number: object) -> None:
    """NaN and infinities, of floats and Decimals, are refused wherever they are: an encoder would write null."""
    places = {
        "data": number,
        'data["a"]': {"a": number},
        'data["items"][2]["price"]': {"items": [1, 2, {"price": number}]},
        "data[0][1]": [("x", number)],
        "data[...]": {number} if not isinstance(number, Decimal) or not number.is_snan() else {math.nan},
        'data["user"].name': {"user": Player(number)},
        "data.content": Box(number),
        "data[0].name.content": [Player(Box(number))],
    }
    for path, value in places.items():
        assert str(refusal(value)) == f"{path} {NO_NUMBER}"


@pytest.mark.parametrize("number", [LyingFloat("nan"), LyingFloat("inf")])
def test_a_subclass_cannot_hide_that_it_is_no_number(number: float) -> None:
    """What a float says of itself doesn't count."""
    assert refusal({"a": number}).path == 'data["a"]'


def test_an_enumerated_nan_is_refused() -> None:
    """The value of an enumeration's member is looked at too."""
    assert str(refusal({"a": Odd.NAN})) == f'data["a"].value {NO_NUMBER}'


@pytest.mark.parametrize("key", [1, None, True, 1.5, b"x", UUID(int=1), Odd.NAN, (1,), math.nan], ids=repr)
@pytest.mark.parametrize(
    ("place", "path"),
    [
        (lambda scores: scores, "data"),
        (lambda scores: {"scores": scores}, 'data["scores"]'),
        (lambda scores: [Player(scores)], "data[0].name"),
        (Box, "data.content"),
    ],
    ids=["top", "dict", "dataclass", "struct"],
)
def test_keys_that_are_not_text_are_refused(key: object, place: Any, path: str) -> None:
    """A key that isn't a str is refused wherever it is: an encoder would make a str of some."""
    error = refusal(place({key: 1}))
    assert str(error) == (
        f"{path} has a key of type {type(key).__name__}. JSON has str keys only, where 1 and '1' would become one: "
        "write str(key) there."
    )
    assert error.path == path


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_lone_surrogates_are_refused(text: str) -> None:
    """Half a character is refused, in a value and in a key, and not repeated."""
    assert str(refusal(text)) == f"data {SURROGATE}"
    assert str(refusal({"a": ["x", text]})) == f'data["a"][1] {SURROGATE}'
    assert str(refusal({"a": {text: 1}})) == f'A key of data["a"] {SURROGATE}'


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "an object"),
        (1j, "a complex"),
        (range(3), "a range"),
        (int, "a type"),
        (threading.Lock(), "a _thread.lock"),
        ((n for n in [1]), "a generator"),
        (types.MappingProxyType({}), "a mappingproxy"),
        (msgspec.Raw(b"{not json"), "a msgspec.Raw"),
        ({}.keys(), "a dict_keys"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_objects_are_refused(value: object, name: str) -> None:
    """Whatever has no form in JSON is named with its type."""
    assert str(refusal({"a": value})) == f'data["a"] is {name}, which JSON can\'t carry. {PUT}'


def test_a_dict_that_is_empty_inside_is_refused() -> None:
    """Werkzeug's CombinedMultiDict, `request.values`, would be written as {}."""
    both = CombinedMultiDict([MultiDict({"a": "1"})])
    assert str(refusal({"form": both})) == (
        'data["form"] is a werkzeug.datastructures.structures.CombinedMultiDict, a dict that keeps its items '
        "elsewhere. Put dict(...) of it there."
    )


def test_what_contains_itself_is_refused() -> None:
    """A cycle is found where it closes."""
    parent: dict[str, object] = {"child": {"tags": [1]}}
    parent["child"] = {"parent": [parent]}
    error = refusal(parent)
    assert str(error) == 'data["child"]["parent"][0] is also what it is in: it contains itself. Leave it out.'


@pytest.mark.parametrize("leaf", [1, {1}], ids=["plain", "set"])
def test_more_than_a_hundred_levels_are_refused(leaf: object) -> None:
    """What is nested deeper than the limit is refused by the limit, not by whatever stack is left."""
    value = leaf
    for _ in range(5000):
        value = [value]
    error = refusal(value)
    assert error.path == "data" + "[0]" * 100
    assert str(error) == (
        f"{error.path} is deeper than 100 levels. Flatten the data, or put a str of the rest there."
    )


def test_long_and_odd_keys_in_a_path() -> None:
    """A path quotes keys as Python does, and cuts long ones."""
    assert refusal({'a"\n': math.nan}).path == 'data["a\\"\\n"]'
    assert refusal({"x" * 500: math.nan}).path == f'data["{"x" * 60}..."]'


def released() -> memoryview:
    """A memoryview that can't be read any more."""
    view = memoryview(b"x")
    view.release()
    return view


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (10**5000, "ValueError"),
        (released(), "ValueError"),
        (memoryview(b"abcd")[::2], "BufferError"),
        (datetime(2026, 3, 1, tzinfo=BadZone()), "ZeroDivisionError"),
    ],
    ids=["number", "released", "strided", "zone"],
)
def test_what_the_encoder_refuses_has_a_place_too(value: object, cause: str) -> None:
    """A value of a good type that still can't be written is named by its place and the kind of error, no more."""
    assert str(refusal({"a": value})) == f'data["a"] can\'t be written as JSON ({cause}). {PUT}'


def test_a_struct_without_a_field_is_refused() -> None:
    """A Struct whose field was deleted can't be written."""
    box = Box(1)
    del box.content
    assert str(refusal(box)) == f"data can't be written as JSON (AttributeError). {PUT}"
