"""Events, records, ids and keys."""

import enum
import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from flask_kafka_events.errors import EventError, InvalidAttribute, InvalidKey, InvalidTopic
from flask_kafka_events.event import Record, derived_id, key_text, new_id, utc_now

from .event_strategies import BARE, SWORD
from .forked import forked

PARTS = st.lists(st.text(st.characters(exclude_categories=[])), max_size=4)


def test_event_and_record_are_frozen() -> None:
    """Neither can be changed after it was made."""
    with pytest.raises(AttributeError):
        SWORD.type = "x"  # type: ignore[misc]
    record = Record(id="1", type="t", topic="t", key=None, value=b"", headers=())
    with pytest.raises(AttributeError):
        record.value = b"x"  # type: ignore[misc]


def test_data_is_decoded() -> None:
    """`decoded` gives the data as Python values, None where there is none."""
    assert SWORD.decoded() == {"color": "red", "price": 12}
    assert BARE.decoded() is None


def test_context_names_every_attribute_once() -> None:
    """The context attributes come in their order, subject and partition key only where there are any."""
    assert list(SWORD.context()) == [
        *[
            "specversion",
            "id",
            "source",
            "type",
            "time",
            "subject",
            "partitionkey",
            "httpmethod",
            "httpstatus",
        ]
    ]
    assert list(BARE.context()) == ["specversion", "id", "source", "type", "time"]


def test_replace_changes_what_it_is_given() -> None:
    """A copy has the given values, attributes are merged, and the original stays as it was."""
    changed = SWORD.replace(
        topic="other", key=7, subject="knives", attributes={"seat": 1, "httpmethod": "GET"}
    )
    expected = msgspec.structs.replace(
        SWORD,
        topic="other",
        key="7",
        subject="knives",
        attributes={"httpmethod": "GET", "httpstatus": 200, "seat": 1},
    )
    assert changed == expected
    assert SWORD.attributes == {"httpmethod": "POST", "httpstatus": 200}


def test_replace_takes_away_key_and_subject() -> None:
    """None for the key or the subject leaves the event without it."""
    assert SWORD.replace(key=None).key is None
    assert SWORD.replace(subject=None).subject is None


def test_replace_with_nothing_is_a_copy() -> None:
    """What isn't given stays."""
    assert SWORD.replace() == SWORD


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"topic": "a b"}, InvalidTopic),
        ({"topic": None}, InvalidTopic),
        ({"key": 1.5}, InvalidKey),
        ({"subject": ""}, InvalidAttribute),
        ({"attributes": {"id": "another"}}, InvalidAttribute),
        ({"attributes": {"userId": "another"}}, InvalidAttribute),
        ({"attributes": {"flag": True}}, InvalidAttribute),
        ({"id": "another"}, TypeError),
    ],
)
def test_replace_refuses_what_breaks_a_rule(changes: Mapping[str, object], error: type[Exception]) -> None:
    """Invalid topics, keys, subjects and attributes are refused, and so is another id."""
    replace: object = SWORD.replace
    assert callable(replace)
    with pytest.raises(error):
        replace(**changes)


@given(st.dictionaries(st.sampled_from(["topic", "key", "subject", "attributes"]), st.text() | st.integers()))
def test_replace_raises_nothing_but_event_errors(changes: dict[str, object]) -> None:
    """Whatever text or number a receiver gives, it is taken or refused by an error of ours."""
    if "attributes" in changes:
        changes["attributes"] = {"a": changes["attributes"]}
    replace: object = BARE.replace
    assert callable(replace)
    try:
        changed = replace(**changes)
    except EventError:
        return
    assert changed.key is None or changed.key.encode() is not None


def test_size_counts_key_value_and_headers() -> None:
    """A record's size is the bytes of its key, its value, and its headers' names and values."""
    record = Record(id="1", type="t", topic="t", key=b"ab", value=b"abc", headers=(("h", b"xy"), ("i", b"")))
    assert record.size == 2 + 3 + 3 + 1
    assert msgspec.structs.replace(record, key=None).size == 7


def test_forked_children_make_other_ids() -> None:
    """What isn't the time differs too: workers of one parent emit within one millisecond (uuid-utils before 0.14)."""
    new_id()
    parts = [id_[-12:] for _ in range(2) for id_ in forked(lambda: [new_id() for _ in range(3)])]
    assert len(set(parts)) == 6


def test_new_ids_are_unique_and_sorted() -> None:
    """Ids are UUIDs of version 7, each another and in order of time."""
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert ids == sorted(ids)
    assert {uuid.UUID(text).version for text in ids} == {7}


def test_now_is_aware() -> None:
    """The time is in UTC and says so."""
    now = utc_now()
    assert now.tzinfo is timezone.utc
    assert abs(now - datetime.now(timezone.utc)) < timedelta(seconds=5)


def test_derived_id_is_the_same_for_ever() -> None:
    """These parts make this id, in every process and release; the form is a UUID of version 8."""
    text = derived_id("/game", "purchased_sword", "ana", "key-1", "0", "success")
    assert text == "7a0ca7b8-881a-80be-bc9c-8ffcf5cbd1fb"
    assert (uuid.UUID(text).version, uuid.UUID(text).variant) == (8, uuid.RFC_4122)


@given(one=PARTS, other=PARTS)
def test_derived_ids_differ_where_parts_do(one: list[str], other: list[str]) -> None:
    """Two lists of parts have the same id exactly where they are equal."""
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"), [(("ab", "c"), ("a", "bc")), (("a",), ("a", "")), (("", "a"), ("a", "")), ((), ("",))]
)
def test_parts_are_not_run_together(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Parts that read the same when joined make different ids."""
    assert derived_id(*one) != derived_id(*other)


class Player(str, enum.Enum):
    """A key from an enumeration."""

    ANA = "ana"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", ""),
        ("ana", "ana"),
        (Markup("ana"), "ana"),
        (Player.ANA, "ana"),
        (0, "0"),
        (-5, "-5"),
        ("ä".encode(), "ä"),
        (b"", ""),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (uuid_utils.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_keys_have_one_text(value: object, expected: str | None) -> None:
    """Text, integers, UUIDs and bytes of UTF-8 are keys; the empty text is one, None is none."""
    text = key_text(value)
    assert text == expected
    assert type(text) in {str, type(None)}


@pytest.mark.parametrize("value", [True, 1.5, ["ana"], {"a": 1}, bytearray(b"a"), object])
def test_keys_of_other_types_are_refused(value: object) -> None:
    """A type without one text form is refused, and the error names it."""
    message = (
        f"The event's key is of type {type(value).__name__}, which has no one text form. "
        "Give a str, int, UUID, bytes of UTF-8, or None for no key."
    )
    with pytest.raises(InvalidKey, match=f"^{re.escape(message)}$"):
        key_text(value)


@pytest.mark.parametrize(
    "value", ["secret\ud800", b"secret\xff", 10**5000], ids=["surrogate", "bytes", "number"]
)
def test_keys_that_are_no_text_are_refused(value: object) -> None:
    """A lone surrogate, bytes that aren't UTF-8 and a number without end are refused, and not repeated."""
    message = (
        f"The event's key is of type {type(value).__name__} and can't be written as UTF-8 text. "
        "Give a str without lone surrogates, an int, a UUID, bytes of UTF-8, or None for no key."
    )
    with pytest.raises(InvalidKey, match=f"^{re.escape(message)}$"):
        key_text(value)
