"""`KAFKA_EVENTS_TYPES`: what holds for the events of one type, or of all types that a glob matches."""

from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase

from flask_kafka_events.errors import ConfigurationError, InvalidTopic
from flask_kafka_events.setting_values import Place, choice, mapping, nearest, number, switch, text
from flask_kafka_events.topic_names import check_topic

_REMEMBERED = 1024  # types; the names may be made of what users send, so they must not pile up


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeRule:
    """What holds for the events of a type, unless the code says otherwise.

    Attributes:
        topic: where they go; None for `KAFKA_EVENTS_TOPIC`.
        key: the data field whose value becomes the key; None for none.
        format: how they are written; None for `KAFKA_EVENTS_FORMAT`.
        sample: the share of them that is sent, from 0 to 1.
        enabled: whether they are sent at all.

    .. versionadded:: 0.1
    """

    topic: str | None = None
    key: str | None = None
    format: str | None = None
    sample: float = 1.0
    enabled: bool = True


_NO_RULE = TypeRule()
_NAMES = tuple(each.name for each in fields(TypeRule))


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeRules:
    """The rules of all types, in the order they were written.

    Attributes:
        rules: each name or glob with its rule.

    .. versionadded:: 0.1
    """

    rules: tuple[tuple[str, TypeRule], ...] = ()
    _chosen: dict[str, TypeRule] = field(default_factory=dict, init=False, repr=False, compare=False)

    def for_type(self, event_type: object) -> TypeRule:
        """The rule under exactly this name, else that of the first glob that matches, else the one of no rules."""
        if not self.rules or not isinstance(event_type, str):  # an emit's argument, not checked yet
            return _NO_RULE
        rule = self._chosen.get(event_type)
        if rule is None:
            rule = self._choose(event_type)
            if len(self._chosen) >= _REMEMBERED:
                self._chosen.clear()
            self._chosen[event_type] = rule
        return rule

    def _choose(self, event_type: str) -> TypeRule:
        exact = dict(self.rules).get(event_type)
        if exact is not None:
            return exact
        return next((rule for glob, rule in self.rules if fnmatchcase(event_type, glob)), _NO_RULE)


def read_type_rules(value: object, place: Place, format_names: tuple[str, ...]) -> TypeRules:
    """Read a mapping of names or globs to mappings of `topic`, `key`, `format`, `sample`, `enabled`.

    Args:
        value: what the configuration holds.
        place: where it stands there.
        format_names: the formats an entry may name.

    Raises:
        ConfigurationError: an entry is unknown or wrong; the message shows which.

    .. versionadded:: 0.1
    """
    types = mapping(value, place)
    rules = ((name, _read_rule(rule, place.entry(name), format_names)) for name, rule in types.items())
    return TypeRules(rules=tuple(rules))


def _read_rule(value: object, place: Place, format_names: tuple[str, ...]) -> TypeRule:
    readers = {
        "topic": topic,
        "key": text,
        "format": choice(format_names),
        "sample": number(0, 1, 0.1),
        "enabled": switch,
    }
    entries = mapping(value, place)
    for name in entries:
        if name not in readers:
            raise ConfigurationError(f"Unknown entry {place.entry(name)}. {nearest(name, _NAMES)}")
    read = {name: readers[name](entry, place.entry(name)) for name, entry in entries.items()}
    return TypeRule(**read)  # type: ignore[arg-type]  # each reader gives its field's type


def topic(value: object, place: Place) -> str:
    """A name that Kafka allows for a topic.

    Raises:
        ConfigurationError: it is no text, or no such name.
    """
    name = text(value, place)
    try:
        return check_topic(name)
    except InvalidTopic as error:
        raise ConfigurationError(f"{place}: {error}") from error
