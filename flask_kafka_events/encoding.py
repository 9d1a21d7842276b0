"""An event's data as JSON: carried unchanged or refused, with the place and the next step."""

from collections.abc import Collection
from decimal import Decimal
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any, Final, cast

import msgspec

from flask_kafka_events.errors import EncodingError
from flask_kafka_events.json_rules import (
    ENCODER,
    LEAVES,
    MAX_DEPTH,
    MAX_PARTS,
    fault_in,
    too_many_parts,
    unencodable,
)

REDACTED: Final = "[redacted]"

_NUMBERS: Final = frozenset({float, Decimal})
_NAMES: Final = frozenset({str})
_SMALL: Final = 100


def encode_data(value: object) -> bytes:
    """The JSON text of `value`, in UTF-8.

    What JSON has no form of its own for is written as msgspec writes it: datetime, date and time as RFC 3339,
    timedelta as ISO 8601, Decimal and UUID as strings, bytes as base64, an Enum as its value; a list, tuple or set as
    an array; a dict, dataclass, attrs class or `msgspec.Struct` as an object. A subclass of one of these is written
    as its base: markupsafe's `Markup` as the str, werkzeug's `MultiDict` as an object of arrays, a datetime of
    another library without what datetime doesn't know.

    Raises:
        EncodingError: something in it would be lost or changed without a word: NaN and infinities (msgspec writes
            null), keys that aren't strings (`1` and `"1"` would become one), lone surrogates, a value that contains
            itself, more than 100 levels, or an object of any other type. `path` says where.
    """
    # Two passes, because msgspec itself writes NaN as null and {1: 2} as {"1": 2}. The first looks at types alone:
    # 0.3 µs for three flat fields, as much as the encoder takes. The exact and slow one runs where that isn't enough,
    # and to find the path.
    try:
        is_sound = _is_flat(value) or _is_plain(value, MAX_DEPTH, [MAX_PARTS])
        fault = None if is_sound else fault_in(value)
        if fault is None:
            return ENCODER.encode(value)
    except EncodingError:
        raise
    except Exception as error:  # noqa: BLE001 - a property or tzinfo of the user's may raise anything
        fault = _fault_behind(error, value)
    raise fault


def redacted(encoded: bytes, patterns: tuple[str, ...]) -> bytes:
    """The JSON text with the values of all fields replaced whose name matches, at any depth.

    It works on the text, so that it sees the names that consumers see, renamed fields of Structs included.

    Args:
        encoded: what `encode_data` returned.
        patterns: globs such as `"*password*"`, compared without regard to case. With none, `encoded` is returned.
    """
    if not patterns:
        return encoded
    return ENCODER.encode(_without(msgspec.json.decode(encoded), patterns))


def is_redacted(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a field of this name is one that `redacted` replaces."""
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


def _is_flat(value: object) -> bool:
    """Whether `value` is what most data is, a small dict of leaves: looked at in C alone."""
    return (
        type(value) is dict
        and len(value) <= _SMALL
        and _NAMES.issuperset(map(type, value))
        and LEAVES.issuperset(map(type, value.values()))
    )


def _is_plain(value: Any, depth: int, parts_left: list[int]) -> bool:
    """Whether `value` is a container whose parts, down to `depth` levels, msgspec carries unchanged.

    What the encoder refuses by itself doesn't count, see `LEAVES`.

    Raises:
        EncodingError: it has more parts than `parts_left` says.
    """
    items = _plain_items(value)
    if items is None:
        return False
    parts_left[0] -= len(items)
    if parts_left[0] < 0:
        raise too_many_parts()
    for item in items:
        kind = type(item)
        if kind in LEAVES or (kind in _NUMBERS and isfinite(item)):
            continue
        if depth == 1 or not _is_plain(item, depth - 1, parts_left):
            return False
    return True


def _plain_items(value: Any) -> Collection[Any] | None:
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return None
        return cast("Collection[Any]", value.values())
    return cast("Collection[Any]", value) if kind is list or kind is tuple else None


def _fault_behind(error: Exception, value: object) -> EncodingError:
    try:
        fault = fault_in(value)
    except Exception:  # noqa: BLE001 - what raised in the encoder may raise here again
        fault = None
    return fault or unencodable("data", type(error))


def _without(value: object, patterns: tuple[str, ...]) -> object:
    if isinstance(value, list):
        return [_without(item, patterns) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: REDACTED if is_redacted(name, patterns) else _without(item, patterns)
        for name, item in value.items()
    }
