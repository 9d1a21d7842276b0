"""KAFKA_EVENTS_TYPES: which rule holds for a type."""

from contextlib import suppress
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.setting_values import Place
from flask_kafka_events.type_rules import TypeRule, TypeRules, read_type_rules

FORMATS = ("cloudevents", "cloudevents-binary", "plain")
PLACE = Place(app_name="shop", setting="KAFKA_EVENTS_TYPES")

ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "topic": st.from_regex(r"[a-z]{1,9}", fullmatch=True),
        "key": st.text(min_size=1),
        "format": st.sampled_from(FORMATS),
        "sample": st.floats(0, 1),
        "enabled": st.booleans(),
    },
)


def read(value: object) -> TypeRules:
    """Read the value as `KAFKA_EVENTS_TYPES` of the app `shop`."""
    return read_type_rules(value, PLACE, FORMATS)


def test_every_entry_is_read() -> None:
    """Topic, key, format, sample and enabled of an entry are the rule's."""
    entry = {"topic": "loot", "key": "player", "format": "plain", "sample": 0.5, "enabled": False}
    rule = TypeRule(topic="loot", key="player", format="plain", sample=0.5, enabled=False)
    assert read({"purchased_sword": entry}).for_type("purchased_sword") == rule


def test_exact_name_goes_before_globs() -> None:
    """A type's own name decides although a glob that matches stands before it."""
    rules = read({"purchased_*": {"topic": "glob"}, "purchased_sword": {"topic": "exact"}})
    assert rules.for_type("purchased_sword").topic == "exact"


def test_globs_are_tried_in_the_order_written() -> None:
    """Of two globs that match, the first written decides."""
    rules = read({"*_sword": {"topic": "first"}, "purchased_*": {"topic": "second"}})
    assert rules.for_type("purchased_sword").topic == "first"
    assert rules.for_type("purchased_knife").topic == "second"


def test_globs_heed_case() -> None:
    """A glob in small letters doesn't match a type in capitals."""
    assert read({"purchased_*": {"topic": "loot"}}).for_type("PURCHASED_SWORD") == TypeRule()


@pytest.mark.parametrize("types", [{}, {"joined_*": {"topic": "guilds"}}])
def test_type_without_an_entry_has_no_rule(types: dict[str, object]) -> None:
    """A type that nothing matches has the rule that says nothing."""
    assert read(types).for_type("purchased_sword") == TypeRule()


def test_types_that_users_invent_do_not_pile_up() -> None:
    """After ten thousand different types the rules are still right and remember only a bounded number."""
    rules = read({"a*": {"topic": "loot"}})
    assert {rules.for_type(f"a{number}").topic for number in range(10_000)} == {"loot"}
    assert len(rules._chosen) <= 1024  # noqa: SLF001  # the bound has no other outside


def test_rules_are_values() -> None:
    """Rules of the same entries are equal, have the same hash, and their repr shows no cache."""
    one, other = read({"a": {"topic": "loot"}}), read({"a": {"topic": "loot"}})
    one.for_type("a")
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ([], "KAFKA_EVENTS_TYPES of app 'shop' must be a mapping, got list."),
        (
            "{",
            ("KAFKA_EVENTS_TYPES of app 'shop' must be a mapping, got str. "
            """From the environment: FLASK_KAFKA_EVENTS_TYPES='{"name": "value"}'"""),
        ),
        (
            {1: {}},
            ("KAFKA_EVENTS_TYPES of app 'shop' must be a mapping with names that are text and not empty, "
            "got one that holds 1 (int)."),
        ),
        ({"a": "loot"}, ("KAFKA_EVENTS_TYPES['a'] of app 'shop' must be a mapping, got str. From the environment: "
         """FLASK_KAFKA_EVENTS_TYPES__a='{"name": "value"}'""")),
        (
            {"purchased_*": {"topicc": "loot"}},
            "Unknown entry KAFKA_EVENTS_TYPES['purchased_*']['topicc'] of app 'shop'. Did you mean 'topic'?",
        ),
        (
            {"a": {"x": 1}},
            ("Unknown entry KAFKA_EVENTS_TYPES['a']['x'] of app 'shop'. "
            "Known are 'topic', 'key', 'format', 'sample', 'enabled'."),
        ),
        (
            {"purchased_*": {"topic": 2024}},
            ("KAFKA_EVENTS_TYPES['purchased_*']['topic'] of app 'shop' must be text, got 2024 (int). "
            """From the environment quote it: FLASK_KAFKA_EVENTS_TYPES='{"purchased_*": {"topic": "2024"}}'"""),
        ),
        (
            {"purchased_sword": {"topic": 2024}},
            ("KAFKA_EVENTS_TYPES['purchased_sword']['topic'] of app 'shop' must be text, got 2024 (int). "
            """From the environment quote it: FLASK_KAFKA_EVENTS_TYPES__purchased_sword__topic='"2024"'"""),
        ),
        (
            {"a": {"topic": "a b"}},
            ("KAFKA_EVENTS_TYPES['a']['topic'] of app 'shop': Topic 'a b' has ' ' at position 1. "
            "Kafka allows a-z, A-Z, 0-9, '.', '_' and '-'."),
        ),
        ({"a": {"key": ""}}, "KAFKA_EVENTS_TYPES['a']['key'] of app 'shop' is empty. Leave it out, or give it a value."),
        (
            {"a": {"format": "plai"}},
            ("KAFKA_EVENTS_TYPES['a']['format'] of app 'shop' must be one of "
            "'cloudevents', 'cloudevents-binary', 'plain', got 'plai' (str). Did you mean 'plain'?"),
        ),
        ({"a": {"sample": 2}}, "KAFKA_EVENTS_TYPES['a']['sample'] of app 'shop' must be a number from 0 to 1, got 2 (int)."),
        (
            {"a": {"enabled": "no"}},
            ("KAFKA_EVENTS_TYPES['a']['enabled'] of app 'shop' must be True or False, got 'no' (str). "
            "Write False, and from the environment: FLASK_KAFKA_EVENTS_TYPES__a__enabled=false"),
        ),
    ],
)  # fmt: skip
def test_wrong_entry_is_shown(types: object, message: str) -> None:
    """An entry that can't hold raises a ConfigurationError that shows where it stands and what is wanted."""
    with pytest.raises(ConfigurationError) as caught:
        read(types)
    assert str(caught.value) == message


@given(
    st.dictionaries(st.text(alphabet="ab*?", min_size=1, max_size=3), ENTRIES),
    st.text(alphabet="abc", max_size=3),
)
def test_choice_is_the_exact_name_else_the_first_glob(
    types: dict[str, dict[str, object]], event_type: str
) -> None:
    """For any entries the rule of a type is what the rule of choice says, asked once or twice."""
    names = [event_type] if event_type in types else [name for name in types if fnmatchcase(event_type, name)]
    expected = TypeRule(**types[names[0]]) if names else TypeRule()  # type: ignore[arg-type]
    rules = read(types)
    assert rules.for_type(event_type) == expected
    assert rules.for_type(event_type) == expected


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(TypeRule.__slots__)), inner)))  # fmt: skip
def test_nothing_but_configuration_errors_are_raised(value: object) -> None:
    """Whatever the configuration holds, it is read or refused with a ConfigurationError."""
    with suppress(ConfigurationError):
        assert isinstance(read(value), TypeRules)
