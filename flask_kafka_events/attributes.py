"""The rules of CloudEvents 1.0.2 for the names and values of attributes.

Sections are those of https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from flask_kafka_events.errors import InvalidAttribute

AttributeValue: TypeAlias = str | int

# "Context Attributes", and `data`, which "Naming Conventions" reserves.
CORE_NAMES: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"}
)
INTEGER_MIN: Final = -(2**31)
INTEGER_MAX: Final = 2**31 - 1

_NAME: Final = re.compile(r"[a-z0-9]+")
_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
_FORBIDDEN: Final = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\ud800-\udfff{_NONCHARACTERS}]")


def is_string(text: str) -> bool:
    """Whether `text` is a String of "Type System": no control, noncharacter or lone surrogate in it."""
    # Nothing forbidden is printable, and isprintable() takes 0.03 µs where the search takes 0.4.
    return text.isprintable() or _FORBIDDEN.search(text) is None


def checked_string(name: str, value: object) -> str:
    """A core attribute that "Context Attributes" wants to be a non-empty String.

    Args:
        name: `"type"`, `"subject"` or another, for the message.
        value: what was given for it.

    Returns:
        `value` as a plain str, also where it was a subclass such as markupsafe's `Markup`.

    Raises:
        InvalidAttribute: it is no str, empty, or holds a character that CloudEvents forbids.
    """
    if not isinstance(value, str):
        raise InvalidAttribute(f"{name} is of type {type(value).__name__}. Give a str.")
    if not value:
        raise InvalidAttribute(f"{name} is empty. CloudEvents wants text there: give at least one character.")
    return _checked_text(name, value)


def checked_attribute(name: object, value: object) -> AttributeValue:
    """The value of an extension attribute, by "Naming Conventions" and "Type System".

    A String may be empty. Booleans are refused, although CloudEvents has them: a reader of headers can't tell
    them from text.

    Args:
        name: lower-case ASCII letters and digits.
        value: a str, or an int of 32 bits.

    Returns:
        `value` as a plain str or int.

    Raises:
        InvalidAttribute: the name or the value breaks a rule, or the name belongs to CloudEvents itself.
    """
    _check_name(name)
    if isinstance(value, str):
        return _checked_text(f"Attribute {name!r}", value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidAttribute(
            f"Attribute {name!r} is of type {type(value).__name__}. Give a str or an int; "
            "what has more parts belongs into the event's data."
        )
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise InvalidAttribute(
            f"Attribute {name!r} is out of range: a CloudEvents integer has 32 bits "
            f"({INTEGER_MIN} to {INTEGER_MAX}). Give it as a str, or put it into the event's data."
        )
    return int.__int__(value)


def checked_attributes(attributes: Mapping[str, object]) -> dict[str, AttributeValue]:
    """A copy of `attributes`, each value as `checked_attribute` returns it.

    Raises:
        InvalidAttribute: one of them breaks a rule.
    """
    return {name: checked_attribute(name, value) for name, value in attributes.items()}


def captured(text: str, limit: int = 1024) -> str:
    """`text` as an attribute may carry it, whatever is in it.

    Characters that CloudEvents forbids are percent-encoded byte by byte, as UTF-8 (a lone surrogate as the three
    bytes it would take there). A `%` of the text stays as it is, so that paths and user agents stay readable and
    what was encoded once isn't encoded again; the price is that `"%0A"` and a line feed can't be told apart.

    Args:
        text: any str.
        limit: the most UTF-8 bytes of the result. What is longer is cut before the first character that doesn't
            fit whole.
    """
    # One character takes at least a byte, so a text of megabytes costs no more than one of `limit` characters.
    start = text[:limit]
    if start.isprintable() and len(start.encode()) <= limit:
        return start
    pieces = []
    room = limit
    for character in start:
        piece = _quoted(character) if _FORBIDDEN.match(character) else character
        room -= len(piece.encode())
        if room < 0:
            break
        pieces.append(piece)
    return "".join(pieces)


def capped(number: int) -> int:
    """`number`, or the nearest CloudEvents Integer where it has more than 32 bits."""
    if INTEGER_MIN <= number <= INTEGER_MAX:
        return number
    return INTEGER_MAX if number > 0 else INTEGER_MIN


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidAttribute(
            f"{_shown(name)} can't name an attribute: CloudEvents has lower-case letters a to z and digits only. "
            "Rename it."
        )
    if name in CORE_NAMES:
        raise InvalidAttribute(
            f"{name!r} is an attribute of CloudEvents itself and can't be added to an event. Choose another name."
        )
    if name == "partitionkey":
        raise InvalidAttribute("'partitionkey' is made from the event's key. Set the key instead.")


def _checked_text(name: str, text: str) -> str:
    if not is_string(text):
        raise InvalidAttribute(
            f"{name} holds a control character, a noncharacter or a lone surrogate, which CloudEvents forbids. "
            "Remove or escape it."
        )
    return str.__str__(text)


def _quoted(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _shown(name: object) -> str:
    return ascii(name[:40]) if isinstance(name, str) else f"A name of type {type(name).__name__}"
