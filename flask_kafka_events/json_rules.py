"""What JSON carries unchanged: the encoder, and the slow and exact walk that finds where data breaks the rules."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

import msgspec
import uuid_utils

from flask_kafka_events.errors import EncodingError

# Of nesting. Python's own json reader gives up a little below 1,000, msgspec by whatever stack the caller has left:
# a limit of its own refuses the same data everywhere.
MAX_DEPTH: Final = 100
# In all. One list that stands twice in another, and that twice in a third, doubles the work at each of 100 levels
# (measured: 22 levels took 1.2 s), long before its JSON could be measured.
MAX_PARTS: Final = 1_000_000
# What the encoder carries unchanged or refuses by itself: it raises for lone surrogates and for integers of more than
# 4,300 digits.
LEAVES: Final = frozenset({str, int, bool, type(None), datetime, date, UUID, bytes})

_KEY_SHOWN: Final = 60
_PUT: Final = (
    "Put a str, number, bool, None, list, set, dict, datetime, Decimal, UUID, dataclass or bytes there, "
    "or leave it out."
)


def fault_in(value: Any, path: str = "data", parents: tuple[int, ...] = ()) -> EncodingError | None:
    """The first thing in `value` that JSON can't carry unchanged; None where everything is sound.

    Args:
        value: any object.
        path: where it is, as written in Python.
        parents: the ids of what it is in, outermost first.
    """
    if type(value) in LEAVES:
        return _leaf_fault(value, path)
    if id(value) in parents:
        return EncodingError(f"{path} is also what it is in: it contains itself. Leave it out.", path=path)
    members = _members(value, path)
    if members is None:
        return _leaf_fault(value, path)
    if len(parents) == MAX_DEPTH:
        return EncodingError(
            f"{path} is deeper than {MAX_DEPTH} levels. Flatten the data, or put a str of the rest there.",
            path=path,
        )
    if isinstance(value, dict) and (fault := _key_fault(value, path)):
        return fault
    within = (*parents, id(value))
    faults = (fault_in(member, member_path, within) for member_path, member in members)
    return next((fault for fault in faults if fault), None)


def too_many_parts() -> EncodingError:
    """The error for data that is larger than any event, or that repeats its parts without end."""
    return EncodingError(f"data has more than {MAX_PARTS:,} parts. Put less into it.", path="data")


def unencodable(path: str, cause: type[Exception]) -> EncodingError:
    """The error for what the encoder refused for a reason of its own, or of the object's."""
    return EncodingError(f"{path} can't be written as JSON ({cause.__name__}). {_PUT}", path=path)


def _members(value: Any, path: str) -> Iterator[tuple[str, object]] | None:
    """Path and value of each part of a container, as the encoder sees them; None for what has no parts."""
    kind = type(value)
    if issubclass(kind, Enum):
        return iter([(f"{path}.value", value.value)])
    if issubclass(kind, dict):
        return ((f"{path}[{_quoted(key)}]", item) for key, item in dict.items(value))
    if issubclass(kind, list | tuple):
        return ((f"{path}[{index}]", item) for index, item in enumerate(value))
    if issubclass(kind, set | frozenset):
        return ((f"{path}[...]", item) for item in value)
    names = _field_names(kind)
    if names is None:
        return None
    fields = ((f"{path}.{name}", getattr(value, name, msgspec.UNSET)) for name in names)
    return ((field_path, item) for field_path, item in fields if item is not msgspec.UNSET)


def _field_names(kind: type) -> Iterator[str] | None:
    if issubclass(kind, msgspec.Struct):
        return iter(kind.__struct_fields__)
    if dataclasses.is_dataclass(kind):
        return (field.name for field in dataclasses.fields(kind))
    attributes = getattr(kind, "__attrs_attrs__", None)
    return None if attributes is None else (attribute.name for attribute in attributes)


def _key_fault(value: dict[Any, object], path: str) -> EncodingError | None:
    # werkzeug's CombinedMultiDict keeps nothing in the dict that it is: the encoder would write {}.
    if len(value) != dict.__len__(value):
        return EncodingError(
            f"{path} is {_a(type(value))}, a dict that keeps its items elsewhere. Put dict(...) of it there.",
            path=path,
        )
    for key in dict.keys(value):
        if not isinstance(key, str):
            return EncodingError(
                f"{path} has a key of type {type(key).__name__}. JSON has str keys only, where 1 and '1' would become "
                "one: write str(key) there.",
                path=path,
            )
        if _has_lone_surrogate(key):
            return EncodingError(f"A key of {path} {_SURROGATE}", path=path)
    return None


def _leaf_fault(value: Any, path: str) -> EncodingError | None:
    kind = type(value)
    if issubclass(kind, float | Decimal) and not Decimal(value).is_finite():
        return EncodingError(
            f"{path} is NaN or infinite, which JSON has no number for. Put a finite number or None there, or leave it "
            "out.",
            path=path,
        )
    if issubclass(kind, str) and _has_lone_surrogate(value):
        return EncodingError(f"{path} {_SURROGATE}", path=path)
    try:
        # The encoder copies a Raw unread, whatever is in it; everything else it doesn't know raises TypeError.
        if kind is not msgspec.Raw:
            ENCODER.encode(value)
            return None
    except TypeError:
        pass
    except Exception as error:  # noqa: BLE001 - a tzinfo of the user's may raise anything
        return unencodable(path, type(error))
    return EncodingError(f"{path} is {_a(kind)}, which JSON can't carry. {_PUT}", path=path)


def _has_lone_surrogate(text: str) -> bool:
    try:
        str.encode(text)
    except UnicodeEncodeError:
        return True
    return False


def _quoted(key: str) -> str:
    shown = str.__str__(key)
    ellipsis = "..." if len(shown) > _KEY_SHOWN else ""
    return msgspec.json.encode(shown[:_KEY_SHOWN] + ellipsis).decode()


def _a(kind: type) -> str:
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def _as_base(value: Any) -> object:
    """What the encoder knows, of a subclass that it doesn't."""
    for base, convert in _BASES:
        if isinstance(value, base):
            return convert(value)
    raise TypeError(type(value))


_SURROGATE: Final = (
    "holds a lone surrogate, half a character that UTF-8 can't carry. Decode its bytes with errors='replace', or "
    "leave it out."
)
# Slots of the base itself, so that what a subclass overrides is never asked. datetime comes before date, its base.
_BASES: Final[tuple[tuple[type, Callable[[Any], object]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (datetime, lambda value: datetime.fromisoformat(datetime.isoformat(value))),
    (date, lambda value: date.fromordinal(date.toordinal(value))),
    (time, lambda value: time.fromisoformat(time.isoformat(value))),
    (timedelta, timedelta.__pos__),
    (Decimal, Decimal),
    (bytes, memoryview),
    (bytearray, memoryview),
    (uuid_utils.UUID, str),
)
ENCODER: Final = msgspec.json.Encoder(enc_hook=_as_base)
