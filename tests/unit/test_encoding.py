"""What data is written as."""

import collections
import dataclasses
import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest
import uuid_utils
from hypothesis import given
from markupsafe import Markup
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from flask_kafka_events.encoding import encode_data

from .event_strategies import JSON_VALUES

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


class Colour(enum.Enum):
    """An enumeration of text."""

    RED = "red"


class Level(enum.IntEnum):
    """An enumeration of numbers."""

    HIGH = 3


class Name(str, enum.Enum):
    """An enumeration that is text."""

    PLAYER = "player"


class Point(NamedTuple):
    """A named tuple."""

    x: int
    y: int


@dataclasses.dataclass
class Sword:
    """A dataclass with a private field."""

    colour: str
    _secret: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Knife:
    """A dataclass without a __dict__."""

    price: Decimal


class Guild(msgspec.Struct, rename="camel", omit_defaults=True, tag=True):
    """A Struct with everything that changes its form."""

    guild_name: str
    member_count: int = 0


class Nickname(str):
    """A str of one's own, whose text form lies."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Points(int):
    """An int of one's own."""


class Ratio(float):
    """A float of one's own."""


class Moment(datetime):
    """A datetime as freezegun and pendulum make them."""


class Day(date):
    """A date of one's own."""


class Hour(time):
    """A time of one's own."""


class Span(timedelta):
    """A timedelta of one's own."""


class Price(Decimal):
    """A Decimal of one's own."""


class Blob(bytes):
    """A bytes of one's own."""


class Buffer(bytearray):
    """A bytearray of one's own."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        (True, b"true"),
        ("ä\x00\u2028", '"ä\\u0000\u2028"'.encode()),
        (2**70, b"1180591620717411303424"),
        (-0.5, b"-0.5"),
        ([1, (2, 3)], b"[1,[2,3]]"),
        ({1}, b"[1]"),
        (frozenset(), b"[]"),
        (NOON, b'"2026-03-01T12:00:00Z"'),
        (NOON.replace(tzinfo=timezone(timedelta(hours=2))), b'"2026-03-01T12:00:00+02:00"'),
        (datetime(2026, 3, 1, 12), b'"2026-03-01T12:00:00"'),  # noqa: DTZ001 - naive is what is tested
        (date(2026, 3, 1), b'"2026-03-01"'),
        (time(12, 30), b'"12:30:00"'),
        (timedelta(days=1, seconds=2), b'"P1DT2S"'),
        (Decimal("1.10"), b'"1.10"'),
        (Decimal("1e400"), b'"1E+400"'),
        (UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (uuid_utils.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (b"x", b'"eA=="'),
        (bytearray(b"x"), b'"eA=="'),
        (memoryview(b"x"), b'"eA=="'),
        (Colour.RED, b'"red"'),
        (Level.HIGH, b"3"),
        (Name.PLAYER, b'"player"'),
        ({Name.PLAYER: 1}, b'{"player":1}'),
        (Point(1, 2), b"[1,2]"),
        (Sword("red"), b'{"colour":"red","_secret":1}'),
        (Knife(Decimal("1.5")), b'{"price":"1.5"}'),
        (Guild("Rogues"), b'{"type":"Guild","guildName":"Rogues"}'),
        (Guild("Rogues", 3), b'{"type":"Guild","guildName":"Rogues","memberCount":3}'),
    ],
)
def test_values_are_written_in_one_form(value: object, expected: bytes) -> None:
    """Each type that data may hold has its one form in JSON, alone and inside a dict."""
    assert encode_data(value) == expected
    assert encode_data({"a": value, "b": [value]}) == b'{"a":%b,"b":[%b]}' % (expected, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Markup("<b>"), b'"<b>"'),
        (Nickname("ana"), b'"ana"'),
        (Points(4), b"4"),
        (Ratio(2.5), b"2.5"),
        (Moment(2026, 3, 1, tzinfo=timezone.utc), b'"2026-03-01T00:00:00Z"'),
        (Day(2026, 3, 1), b'"2026-03-01"'),
        (Hour(12), b'"12:00:00"'),
        (Span(days=1), b'"P1D"'),
        (Price("1.10"), b'"1.10"'),
        (Blob(b"x"), b'"eA=="'),
        (Buffer(b"x"), b'"eA=="'),
        ({Markup("a"): 1}, b'{"a":1}'),
        (collections.OrderedDict(a=1), b'{"a":1}'),
        (collections.defaultdict(int, a=1), b'{"a":1}'),
        (collections.Counter("aab"), b'{"a":2,"b":1}'),
        (MultiDict([("a", "1"), ("a", "2")]), b'{"a":["1","2"]}'),
        (ImmutableMultiDict([("a", "1")]), b'{"a":["1"]}'),
    ],
)
def test_subclasses_are_written_as_their_base(value: object, expected: bytes) -> None:
    """What is a str, a dict, a datetime by inheritance is written as one, with all it holds."""
    assert encode_data(value) == expected
    assert encode_data([value]) == b"[%b]" % expected


def test_attrs_classes_are_objects() -> None:
    """An instance of an attrs class is written with its fields."""
    attrs = pytest.importorskip("attrs", reason="needs attrs: see requirements/dev.txt")
    shield = attrs.make_class("Shield", ["size", "price"])
    assert encode_data({"shield": shield(1, None)}) == b'{"shield":{"size":1,"price":null}}'


def test_unset_fields_are_left_out() -> None:
    """A field that is UNSET, or that a dataclass never got, isn't written."""

    class Patch(msgspec.Struct):
        name: str | msgspec.UnsetType = msgspec.UNSET
        level: int = 1

    sword = Sword("red")
    del sword.colour
    assert encode_data([Patch(), sword]) == b'[{"level":1},{"_secret":1}]'


@given(JSON_VALUES)
def test_json_comes_back_as_it_was(value: object) -> None:
    """What JSON has a form for is read back equal."""
    assert msgspec.json.decode(encode_data(value)) == value


def test_a_hundred_levels_are_allowed() -> None:
    """The limit of nesting is reached and not passed, for plain containers and others."""
    plain: object = 1
    other: object = {1}
    for _ in range(99):
        plain = [plain]
        other = {"a": other}
    assert encode_data([plain]) == b"[" * 100 + b"1" + b"]" * 100
    assert encode_data(other).count(b"a") == 99


def test_the_same_object_twice_is_no_cycle() -> None:
    """An object may stand at two places beside each other."""
    shared = {"tags": {"a"}}
    assert encode_data([shared, shared]) == b'[{"tags":["a"]},{"tags":["a"]}]'
