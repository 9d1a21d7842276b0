"""One value of a setting, as Flask's config holds it: each reader gives it checked, or says what is wrong."""

import difflib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard, TypeVar

import msgspec

from flask_kafka_events.errors import ConfigurationError

T = TypeVar("T")
Reader = Callable[[object, "Place"], T]

_SHOWN = 60  # characters of a text that an error repeats
_SHOWN_BITS = 200  # of an int; Python refuses to print one of more than 4,300 digits
_EXPORTABLE = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
_LIKE_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value stands in an app's configuration.

    Attributes:
        app_name: the app's.
        setting: the whole name of the setting, `"KAFKA_EVENTS_TYPES"`.
        path: the names that lead to the value inside a mapping, `("purchased_*", "topic")`.
    """

    app_name: str
    setting: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        inside = "".join(f"[{name!r}]" for name in self.path)
        return f"{self.setting}{inside} of app {self.app_name!r}"

    def entry(self, name: str) -> "Place":
        """The place one step further inside."""
        return msgspec.structs.replace(self, path=(*self.path, name))

    def exported(self, value: object) -> str:
        """What a shell line says to give this place the value, for `Config.from_prefixed_env`."""
        if all(_EXPORTABLE.fullmatch(name) for name in self.path):
            variable = "__".join((f"FLASK_{self.setting}", *self.path))
        else:
            variable = f"FLASK_{self.setting}"
            for name in reversed(self.path):
                value = {name: value}
        return f"{variable}={shlex.quote(json.dumps(value))}"


def text(value: object, place: Place) -> str:
    """A text that isn't empty."""
    if not isinstance(value, str):
        raise wrong(place, "text", value, hint=_quoting(value, place))
    if not value:
        raise ConfigurationError(f"{place} is empty. Leave it out, or give it a value.")
    return value


def switch(value: object, place: Place) -> bool:
    """True or False."""
    if isinstance(value, bool):
        return value
    hint = ""
    if isinstance(value, str | int):
        meant = value.lower() not in _LIKE_FALSE if isinstance(value, str) else bool(value)
        hint = f"Write {meant}, and from the environment: {place.exported(meant)}"
    raise wrong(place, "True or False", value, hint=hint)


def whole_number(minimum: int, maximum: int, example: int) -> Reader[int]:
    """A reader of ints from `minimum` to `maximum`; a bool is none."""

    def read(value: object, place: Place) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        wanted = f"a whole number from {minimum} to {maximum}"
        raise wrong(place, wanted, value, hint=_bare(value, place, example))

    return read


def number(minimum: float, maximum: float, example: float, *, zero: bool = True) -> Reader[float]:
    """A reader of finite numbers from `minimum` to `maximum`; `zero=False` refuses 0 itself."""

    def read(value: object, place: Place) -> float:
        if _is_number(value) and minimum <= value <= maximum and (value or zero):
            return float(value)
        wanted = (
            f"a number {'from' if zero else 'above'} {minimum:g} {'to' if zero else 'and up to'} {maximum:g}"
        )
        raise wrong(place, wanted, value, hint=_bare(value, place, example))

    return read


def choice(names: tuple[str, ...]) -> Reader[str]:
    """A reader of one of the names."""

    def read(value: object, place: Place) -> str:
        if isinstance(value, str) and value in names:
            return value
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        raise wrong(place, f"one of {_listed(names)}", value, hint=hint)

    return read


def texts(example: str) -> Reader[tuple[str, ...]]:
    """A reader of lists, tuples and sets of texts; a set's come in their alphabetical order."""

    def read(value: object, place: Place) -> tuple[str, ...]:
        if not isinstance(value, list | tuple | set | frozenset):
            hint = f"From the environment: {place.exported([example])}" if isinstance(value, str) else ""
            raise wrong(place, "a list of texts", value, hint=hint)
        for each in value:
            if not isinstance(each, str) or not each:
                raise wrong(place, "a list of texts that aren't empty", each, got="got one that holds")
        return tuple(sorted(value) if isinstance(value, set | frozenset) else value)

    return read


def function(value: object, place: Place) -> Callable[..., Any]:
    """Something to call; what was given in its place is not shown, for it may be a secret."""
    if callable(value):
        return value
    raise ConfigurationError(
        f"{place} must be a function, got {type(value).__name__}. It can't come from the environment: set it in Python."
    )


def mapping(value: object, place: Place) -> Mapping[str, object]:
    """A mapping whose names are texts that aren't empty."""
    if not isinstance(value, Mapping):
        hint = f"From the environment: {place.exported({'name': 'value'})}" if isinstance(value, str) else ""
        raise wrong(place, "a mapping", value, hint=hint, shows_value=False)
    for name in value:
        if not isinstance(name, str) or not name:
            raise wrong(
                place, "a mapping with names that are text and not empty", name, got="got one that holds"
            )
    return value


def optional(read: Reader[T]) -> Reader[T | None]:
    """A reader that lets None through as what was not set."""
    return lambda value, place: None if value is None else read(value, place)


def wrong(
    place: Place, wanted: str, value: object, *, got: str = "got", hint: str = "", shows_value: bool = True
) -> ConfigurationError:
    """The error of a value that isn't what its place wants."""
    given = _shown(value) if shows_value else type(value).__name__
    return ConfigurationError(f"{place} must be {wanted}, {got} {given}.{hint and ' '}{hint}")


def nearest(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """The sentence that offers the known name most like this one, or that lists them all where none is like it."""
    names = tuple(known)
    return did_you_mean(name, names, prefix=prefix) or f"Known are {_listed(names, prefix)}."


def did_you_mean(name: str, known: tuple[str, ...], *, prefix: str = "") -> str:
    """The sentence that offers the known name most like this one; empty where none is like it."""
    matches = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {_listed(tuple(matches), prefix)}?" if matches else ""


def _listed(names: tuple[str, ...], prefix: str = "") -> str:
    # A setting is written bare, as everywhere in the errors; a name inside one as Python writes it.
    return ", ".join(prefix + name if prefix else repr(name) for name in names)


def _shown(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, str):
        return f"{value!r} ({kind})" if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}... ({kind})"
    if isinstance(value, int | float) and not _is_endless(value):
        return f"{value!r} ({kind})"
    return "None" if value is None else kind


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_endless(value: float) -> bool:
    return isinstance(value, int) and value.bit_length() > _SHOWN_BITS


def _quoting(value: object, place: Place) -> str:
    # from_prefixed_env reads values as JSON: 2024 arrives as an int, 1e5 as a float, true as a bool.
    if not isinstance(value, int | float) or _is_endless(value):
        return ""
    return f"From the environment quote it: {place.exported(json.dumps(value))}"


def _bare(value: object, place: Place, example: float) -> str:
    return f"From the environment: {place.exported(example)}" if isinstance(value, str) else ""
