"""`KAFKA_EVENTS_PRODUCER`: the user's librdkafka properties, and the whole configuration of a producer."""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from msgspec.structs import replace

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.producer_rules import (
    FILES,
    FLOATS,
    REFUSED,
    canonical_name,
    is_secret,
    is_topic_alias,
    why_refused,
)
from flask_kafka_events.setting_values import Place, mapping

PropertyValue = str | int | float | Callable[..., Any]

_SETTING = "KAFKA_EVENTS_PRODUCER"
_FROM_FILE = "_FILE"
_PLAIN = "text, a whole number, True or False"
_INT_BITS = 31  # and a sign; librdkafka takes 4294983680 for 16384 without a word
_FRAMING = 65_536  # bytes: the protocol's own around one event
_SMALLEST_REQUEST = 1_000_000  # bytes, librdkafka's default: below it a request has room for few small events
_NO_LIMIT_EVENTS = 10_000_000
_NO_LIMIT_KBYTES = 2_147_483_647


class ProducerProperties(Mapping[str, PropertyValue]):
    """The properties the user gave, each under one name; neither `repr` nor `str` shows a value.

    Args:
        values: the properties by canonical name.
        from_files: the names of those whose values were read from files.

    .. versionadded:: 0.1
    """

    __slots__ = ("_from_files", "_values")

    def __init__(
        self,
        values: Mapping[str, PropertyValue] = MappingProxyType({}),
        *,
        from_files: frozenset[str] = frozenset(),
    ) -> None:
        self._values = MappingProxyType(dict(values))
        self._from_files = from_files

    def __getitem__(self, name: str) -> PropertyValue:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values))

    def __repr__(self) -> str:
        return f"ProducerProperties({', '.join(self._values)})"

    def number(self, name: str, default: float) -> float:
        """A property as a number; `default` where it isn't given, or is none as Python writes them, `0x10` for example."""
        try:
            found = float(str(self._values.get(name, default)))
        except ValueError:
            return default
        return found if isfinite(found) else default

    def secret_values(self) -> tuple[str, ...]:
        """What must be in no log and no error: passwords, private keys, all that came from a file, and their words.

        Words, because librdkafka quotes a part of `sasl.oauthbearer.config`.
        """
        whole = [
            value
            for name, value in self._values.items()
            if isinstance(value, str) and value and (is_secret(name) or name in self._from_files)
        ]
        words = (word for value in whole if len(value.split()) > 1 for word in value.split())
        return (*whole, *words)

    def file_locations(self) -> tuple[Path, ...]:
        """The certificate and key files that librdkafka reads once, when a producer is built."""
        given = (self._values.get(name) for name in FILES)
        return tuple(Path(value) for value in given if isinstance(value, str) and value not in {"", "probe"})


class _Limits(Protocol):
    @property
    def producer(self) -> ProducerProperties: ...
    @property
    def max_event_bytes(self) -> int: ...
    @property
    def unknown_topic_seconds(self) -> float: ...


def librdkafka_config(settings: _Limits) -> dict[str, Any]:
    """The configuration of a producer, but for `bootstrap.servers` and the callbacks.

    Args:
        settings: the app's `Settings`.

    Returns:
        A new dict: what the guarantees need, and over the defaults what the user gave.

    .. versionadded:: 0.1
    """
    return {
        "client.id": "flask-kafka-events",
        "linger.ms": 5,
        # As Java's clients, so that a key has the same partition whoever writes it.
        "partitioner": "murmur2_random",
        **settings.producer,
        "acks": "all",
        "enable.idempotence": True,
        # 0 is without end. The default of 300 s loses silently what waits through a longer outage.
        "message.timeout.ms": 0,
        # The extension admits events by its own limits, counted by topic; librdkafka's must never be reached first.
        "queue.buffering.max.messages": _NO_LIMIT_EVENTS,
        "queue.buffering.max.kbytes": _NO_LIMIT_KBYTES,
        "message.max.bytes": max(_SMALLEST_REQUEST, settings.max_event_bytes + _FRAMING),
        "topic.metadata.propagation.max.ms": round(settings.unknown_topic_seconds * 1000),
    }


def read_producer_properties(raw: object, app_name: str) -> ProducerProperties:
    """Read a mapping of librdkafka's properties; underscores in a name are read as dots.

    A name that ends in `_FILE` gives the path of a UTF-8 file with the value; one line end at its end is cut off.

    Args:
        raw: what the configuration holds.
        app_name: the app's, for errors.

    Raises:
        ConfigurationError: a property is given twice, would break a guarantee, belongs to another setting, or its
            value can't be read. The message never shows a value.

    .. versionadded:: 0.1
    """
    place = Place(app_name=app_name, setting=_SETTING)
    written: dict[str, str] = {}
    values: dict[str, PropertyValue] = {}
    from_files: set[str] = set()
    for given, value in mapping(raw, place).items():
        name = _read_name(given, place.entry(given))
        if name in written:
            twice = f"{place} has one property twice, as {written[name]!r} and as {given!r}. Keep one."
            raise ConfigurationError(twice)
        written[name] = given
        if given.endswith(_FROM_FILE):
            from_files.add(name)
            values[name] = _read_value(name, _read_file(value, place.entry(given)), place.entry(given))
        else:
            values[name] = _read_value(name, value, place.entry(given))
    return ProducerProperties(values, from_files=frozenset(from_files))


def _read_name(given: str, place: Place) -> str:
    spelled = given.removesuffix(_FROM_FILE)
    if spelled != spelled.lower():
        raise ConfigurationError(
            f"{place} has capital letters. Write {spelled.lower() + given[len(spelled) :]!r}."
        )
    name = canonical_name(spelled)
    if is_topic_alias(name):
        raise ConfigurationError(f"{place} is a second name. Write {name.removeprefix('topic.')!r}.")
    if name in REFUSED:
        raise ConfigurationError(f"{place} is refused: {REFUSED[name]}")
    return name


def _read_value(name: str, value: object, place: Place) -> PropertyValue:
    if name == "oauth_cb":
        if not callable(value):
            raise ConfigurationError(
                f"{place} must be a function, got {type(value).__name__}. Set it in Python."
            )
        return value
    plain = _read_plain_value(name, value, place)
    reason = why_refused(name, str(plain).lower())
    if reason:
        raise ConfigurationError(f"{place} is refused: {reason}")
    return plain


def _read_plain_value(name: str, value: object, place: Place) -> str | int | float:
    if isinstance(value, str):
        _check_text(value, place)
        return value
    if isinstance(value, float) and name in FLOATS:
        return value
    if isinstance(value, float) or (isinstance(value, int) and is_secret(name)):
        raise _unquoted(name, value, place)
    if not isinstance(value, int):
        raise ConfigurationError(
            f"{place} must be {_PLAIN}, got {type(value).__name__}. "
            "In a name from the environment two underscores open a mapping and one stands for a dot."
        )
    if value.bit_length() > _INT_BITS:
        raise ConfigurationError(f"{place} is a number of more than 32 bits. librdkafka would cut it short.")
    return value


def _check_text(value: str, place: Place) -> None:
    # librdkafka takes a text with NUL for the part before it; a lone surrogate fails with a bare SystemError.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ConfigurationError(
            f"{place} has a character that librdkafka can't take: NUL or a lone surrogate."
        )


def _unquoted(name: str, value: object, place: Place) -> ConfigurationError:
    # from_prefixed_env reads values as JSON: the password 1e5 arrives as a float. It must not be shown here either.
    variable = replace(place, path=(name.replace(".", "_"),))
    return ConfigurationError(
        f"{place} must be {'text' if is_secret(name) else _PLAIN}, got {type(value).__name__}. "
        f"From the environment quote it: {variable.exported('...')}"
    )


def _read_file(value: object, place: Place) -> str:
    if not isinstance(value, str | Path):
        raise ConfigurationError(f"{place} must be the path of a file, got {type(value).__name__}.")
    try:
        content = Path(value).read_bytes().decode()
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except ValueError:
        reason = "its path has a character that no path can have"
    else:
        return content.removesuffix("\r\n" if content.endswith("\r\n") else "\n")
    # Not the path: where it can't be read it may be the secret itself, written in the wrong place.
    raise ConfigurationError(
        f"{place} names a file that can't be read: {reason}. Correct the path or the file."
    )
