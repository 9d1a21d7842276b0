"""What Kafka allows as the name of a topic."""

import re

from flask_kafka_events.errors import InvalidTopic

_LONGEST = 249  # characters: Kafka appends "-" and the partition to make the name of a directory, 255 at most
_ALLOWED = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9._-]")
_RESERVED = frozenset({".", ".."})
_SHOWN = 60  # characters of a name that an error repeats


def check_topic(name: object) -> str:
    """Give the name back where Kafka allows it: 1 to 249 of `a-z A-Z 0-9 . _ -`, but not `.` or `..`.

    Args:
        name: what is to be a topic's name.

    Returns:
        The same name.

    Raises:
        InvalidTopic: it is no text, or Kafka refuses it.

    .. versionadded:: 0.1
    """
    if isinstance(name, str) and _ALLOWED.fullmatch(name) and name not in _RESERVED:
        return name
    raise InvalidTopic(_why_not(name))


def _why_not(name: object) -> str:
    if not isinstance(name, str):
        return f"The name of a topic must be text, got {type(name).__name__}. Write it in quotes."
    if not name:
        return "The name of a topic can't be empty. Name a topic."
    if name in _RESERVED:
        return f"Kafka allows no topic named {name!r}. Choose another name."
    forbidden = _FORBIDDEN.search(name)
    if forbidden:
        return (
            f"Topic {_shown(name)} has {forbidden[0]!r} at position {forbidden.start()}. "
            "Kafka allows a-z, A-Z, 0-9, '.', '_' and '-'."
        )
    return f"Topic {_shown(name)} has {len(name)} characters. Kafka allows {_LONGEST}: shorten it."


def _shown(name: str) -> str:
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}..."
