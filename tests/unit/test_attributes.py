"""CloudEvents' rules for the names and values of attributes."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from flask_kafka_events.attributes import (
    capped,
    captured,
    checked_attribute,
    checked_attributes,
    checked_string,
    is_string,
)
from flask_kafka_events.errors import InvalidAttribute

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
NO_NAME = "can't name an attribute: CloudEvents has lower-case letters a to z and digits only. Rename it."
CORE = "is an attribute of CloudEvents itself and can't be added to an event. Choose another name."
NO_TEXT = "holds a control character, a noncharacter or a lone surrogate, which CloudEvents forbids. Remove or escape it."
TOO_LARGE = (
    "is out of range: a CloudEvents integer has 32 bits (-2147483648 to 2147483647). "
    "Give it as a str, or put it into the event's data."
)
NO_VALUE = "Give a str or an int; what has more parts belongs into the event's data."
FORBIDDEN = [
    "\x00",
    "\x1f",
    "\x7f",
    "\x85",
    "\x9f",
    "\ud800",
    "\udfff",
    "\ufdd0",
    "\ufdef",
    "\ufffe",
    "\U0010ffff",
]


@pytest.mark.parametrize("character", FORBIDDEN)
def test_forbidden_characters_make_no_string(character: str) -> None:
    """Controls, noncharacters and lone surrogates are in no CloudEvents String."""
    assert not is_string(f"a{character}b")


@pytest.mark.parametrize(
    "character", ["", " ", "~", "\xa0", "\xad", "\u200d", "\ue000", "\ufdf0", "\ufffd", "🗡"]
)
def test_other_characters_make_a_string(character: str) -> None:
    """Whatever else Unicode has is allowed, unprintable or not."""
    assert is_string(f"a{character}b")


@pytest.mark.parametrize("name", ["a", "0", "httpmethod", "x" * 21])
def test_names_of_letters_and_digits_are_allowed(name: str) -> None:
    """Lower-case ASCII letters and digits name an attribute; more than 20 are only discouraged."""
    assert checked_attributes({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, f"{name!a} {NO_NAME}") for name in ["", "Upper", "a_b", "a-b", "é", "a\n", "\u0663"]),
        (5, f"A name of type int {NO_NAME}"),
        ("data", f"'data' {CORE}"),
        ("id", f"'id' {CORE}"),
        ("partitionkey", "'partitionkey' is made from the event's key. Set the key instead."),
    ],
)
def test_other_names_are_refused(name: object, message: str) -> None:
    """A name that CloudEvents forbids, or has itself, is refused with the reason."""
    with pytest.raises(InvalidAttribute, match=f"^{re.escape(message)}$"):
        checked_attribute(name, "x")


@pytest.mark.parametrize("value", ["", "text", 0, -(2**31), 2**31 - 1])
def test_strings_and_integers_of_32_bits_are_allowed(value: str | int) -> None:
    """Any String, the empty one too, and any Integer comes back as it was."""
    assert checked_attribute("a", value) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, f"Attribute 'a' is of type bool. {NO_VALUE}"),
        (None, f"Attribute 'a' is of type NoneType. {NO_VALUE}"),
        (2**31, f"Attribute 'a' {TOO_LARGE}"),
        (-(2**31) - 1, f"Attribute 'a' {TOO_LARGE}"),
        ("a\nb", f"Attribute 'a' {NO_TEXT}"),
    ],
)
def test_other_values_are_refused(value: object, message: str) -> None:
    """A value of another type, range or with a forbidden character is refused with the reason."""
    with pytest.raises(InvalidAttribute, match=f"^{re.escape(message)}$"):
        checked_attribute("a", value)


def test_subclasses_become_plain() -> None:
    """A Markup and an int of one's own become what every encoder knows."""

    class Seat(int):
        pass

    assert type(checked_attribute("a", Markup("x"))) is str
    assert type(checked_attribute("a", Seat(1))) is int
    assert type(checked_string("subject", Markup("x"))) is str


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "subject is of type int. Give a str."),
        ("", "subject is empty. CloudEvents wants text there: give at least one character."),
        ("\x7f", f"subject {NO_TEXT}"),
    ],
)
def test_core_strings_are_text_and_not_empty(value: object, message: str) -> None:
    """A core attribute has to be a non-empty String, and the error names it."""
    with pytest.raises(InvalidAttribute, match=f"^{re.escape(message)}$"):
        checked_string("subject", value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("/sword/é", "/sword/é"),
        ("/a\x00\x1bb", "/a%00%1Bb"),
        ("\x85", "%C2%85"),
        ("\ud800", "%ED%A0%80"),
        ("100%\n", "100%%0A"),
        ("a" * 1025, "a" * 1024),
        ("é" * 513, "é" * 512),
        ("a" + "é" * 512, "a" + "é" * 511),
        ("a" * 1022 + "\n\n", "a" * 1022),
        ("a" * 1021 + "\n", "a" * 1021 + "%0A"),
    ],
)
def test_captured_text_is_encoded_and_cut(text: str, expected: str) -> None:
    """What is forbidden is percent-encoded, and nothing is cut in half."""
    assert captured(text) == expected


@given(text=ANY_TEXT, limit=st.integers(0, 40))
def test_captured_text_obeys_the_rules(text: str, limit: int) -> None:
    """Whatever the text and the limit, the result is a String, fits, and is the beginning of the text."""
    result = captured(text, limit)
    assert is_string(result)
    assert len(result.encode()) <= limit
    if "%" not in text and is_string(text):
        assert text.startswith(unquote(result))


@given(text=ANY_TEXT)
def test_what_is_captured_stays_when_captured_again(text: str) -> None:
    """Capturing twice is the same as once."""
    assert captured(captured(text)) == captured(text)


@pytest.mark.parametrize(("number", "expected"), [(5, 5), (2**31, 2**31 - 1), (-(2**40), -(2**31)), (-1, -1)])
def test_numbers_are_capped(number: int, expected: int) -> None:
    """A number beyond 32 bits becomes the nearest that fits: a request of an hour has a duration still."""
    assert capped(number) == expected
