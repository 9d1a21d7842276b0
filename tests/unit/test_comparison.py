"""Whether an event is what a test expects of it."""

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flask_kafka_events.encoding import encode_data
from flask_kafka_events.testing.comparison import MISSING, Difference, differences

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
SENT_AS_TEXT = (
    st.decimals(allow_nan=False, allow_infinity=False) | st.uuids() | st.datetimes() | st.binary(max_size=5)
)
DATA = st.recursive(
    LEAVES | SENT_AS_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


def as_read(value: object) -> Any:
    """A value as a consumer reads it."""
    return msgspec.json.decode(encode_data(value))


@dataclass
class Sword:
    """What an app may put into its data."""

    color: str
    price: Decimal


class Truthless:
    """Compares like an array."""

    def __eq__(self, other: object) -> bool:
        raise ValueError

    __hash__ = object.__hash__


@given(DATA)
def test_data_is_what_was_emitted(value: object) -> None:
    """Whatever is emitted can be expected as it stands."""
    assert list(differences(value, as_read(value), "data")) == []


@given(st.dictionaries(st.text(max_size=3), DATA, min_size=1, max_size=4), st.data())
def test_a_field_may_be_left_out_of_what_is_expected(value: dict[str, Any], data: st.DataObject) -> None:
    """But not the other way round: a field that the event lacks is named."""
    name = data.draw(st.sampled_from(sorted(value)))
    less = {each: value[each] for each in value if each != name}
    assert list(differences(less, as_read(value), "data")) == []
    assert list(differences(value, as_read(less), "data")) == [
        Difference(f"data[{name!r}]", value[name], MISSING)
    ]


@given(st.lists(LEAVES, min_size=1, max_size=4), LEAVES, st.data())
def test_a_changed_item_is_found_at_its_place(value: list[Any], other: Any, data: st.DataObject) -> None:
    """At any place of a list, and nowhere else; True and 1 are two things."""
    place = data.draw(st.integers(0, len(value) - 1))
    changed = [*value[:place], other, *value[place + 1 :]]
    is_same = value[place] == other and isinstance(value[place], bool) == isinstance(other, bool)
    assume(not is_same)
    assert [each.place for each in differences({"a": value}, as_read({"a": changed}), "data")] == [
        f"data['a'][{place}]"
    ]


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (ANY, "x"),
        (ANY, True),
        ({"a": ANY}, {"a": None}),
        (pytest.approx(0.3), 0.1 + 0.2),
        (12, 12.0),
        (Sword("red", Decimal("1.5")), {"color": "red", "price": "1.5", "more": 1}),
        (UUID(int=1), str(UUID(int=1))),
        ([datetime(2026, 1, 2, tzinfo=timezone.utc)], ["2026-01-02T00:00:00Z"]),
        ({"a", "b"}, ["b", "a"]),
        (frozenset({1, Decimal(2)}), ["2", 1]),
        ((), []),
        (None, None),
    ],
)
def test_these_are_the_same(expected: object, found: object) -> None:
    """What is sent in another form is compared in that, and matchers are asked."""
    assert list(differences(expected, found, "data")) == []


@pytest.mark.parametrize(
    ("expected", "found", "told"),
    [
        (True, 1, "data is 1, not True"),
        (1, True, "data is True, not 1"),
        (1, "1", "data is '1', not 1"),
        ({"a": ANY}, {}, "data['a'] is missing, not <ANY>"),
        (pytest.approx(0.3), 0.4, "data is 0.4, not 0.3 ± 3.0e-07"),
        ([1], [1, 2], "data is [1, 2], not [1]"),
        ([1], {"0": 1}, "data is {'0': 1}, not [1]"),
        ({"a": 1}, [1], "data is [1], not {'a': 1}"),
        ({"a"}, ["b"], "data is ['b'], not {'a'}"),
        ({"a"}, "a", "data is 'a', not ['a']"),
        (None, {}, "data is {}, not None"),
        (Sword("red", Decimal(1)), {"color": "blue", "price": "1"}, "data['color'] is 'blue', not 'red'"),
        (Decimal("1.00"), 1, "data is 1, not '1.00'"),
        (Decimal(1), True, "data is True, not '1'"),
        (Decimal("1.50"), "1.5", "data is '1.5', not '1.50'"),
    ],
)
def test_these_are_not(expected: object, found: object, told: str) -> None:
    """The difference is told as a person would say it."""
    assert [str(each) for each in differences(expected, found, "data")] == [told]


def test_what_cannot_be_compared_is_different() -> None:
    """What raises when it is compared doesn't end the test with its own error."""
    expected = Truthless()
    assert list(differences(expected, 1, "data")) == [Difference("data", expected, 1)]
