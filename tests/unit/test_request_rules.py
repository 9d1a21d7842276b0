"""KAFKA_EVENTS_REQUESTS: which requests emit an event of their own."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.request_rules import RequestRules, read_request_rules
from flask_kafka_events.setting_values import Place

PLACE = Place(app_name="shop", setting="KAFKA_EVENTS_REQUESTS")


@pytest.mark.parametrize("enabled", [True, False])
def test_true_and_false_switch_all_on_and_off(enabled: bool) -> None:
    """True means every request and False none."""
    rules = read_request_rules(enabled, PLACE)
    assert rules == RequestRules(enabled=enabled)
    assert rules.matches("shop.buy") is enabled
    assert rules.matches(None) is enabled


def test_mapping_switches_on() -> None:
    """A mapping, even an empty one, switches the events on and its entries are the rules'."""
    assert read_request_rules({}, PLACE) == RequestRules(enabled=True)
    entries = {"include": ["shop.*"], "exclude": ("static",), "sample": 1}
    rules = RequestRules(enabled=True, include=("shop.*",), exclude=("static",), sample=1.0)
    assert read_request_rules(entries, PLACE) == rules


@pytest.mark.parametrize(
    ("include", "exclude", "endpoint", "matches"),
    [
        (("shop.*",), (), "shop.buy", True),
        (("shop.*",), (), "guild.join", False),
        (("shop.*", "guild.*"), (), "guild.join", True),
        ((), ("static",), "static", False),
        ((), ("static",), "shop.buy", True),
        (("shop.*",), ("shop.health",), "shop.health", False),
        ((), ("*",), None, True),
        (("*",), (), None, False),
    ],
)
def test_endpoints_match_by_globs(
    include: tuple[str, ...], exclude: tuple[str, ...], endpoint: str | None, matches: bool
) -> None:
    """An endpoint matches what is included and not excluded; none matches unless something is included."""
    assert RequestRules(enabled=True, include=include, exclude=exclude).matches(endpoint) is matches


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("true", "KAFKA_EVENTS_REQUESTS of app 'shop' must be True, False or a mapping of 'include', 'exclude' and 'sample', got 'true' (str). From the environment: FLASK_KAFKA_EVENTS_REQUESTS=true"),
        (1, "KAFKA_EVENTS_REQUESTS of app 'shop' must be True, False or a mapping of 'include', 'exclude' and 'sample', got 1 (int)."),
        ({"includ": []}, "Unknown entry KAFKA_EVENTS_REQUESTS['includ'] of app 'shop'. Did you mean 'include'?"),
        ({"include": "shop.*"}, """KAFKA_EVENTS_REQUESTS['include'] of app 'shop' must be a list of texts, got 'shop.*' (str). From the environment: FLASK_KAFKA_EVENTS_REQUESTS__include='["shop.*"]'"""),
        ({"exclude": [""]}, "KAFKA_EVENTS_REQUESTS['exclude'] of app 'shop' must be a list of texts that aren't empty, got one that holds '' (str)."),
        ({"sample": "0.1"}, "KAFKA_EVENTS_REQUESTS['sample'] of app 'shop' must be a number from 0 to 1, got '0.1' (str). From the environment: FLASK_KAFKA_EVENTS_REQUESTS__sample=0.1"),
    ],
)  # fmt: skip
def test_wrong_value_is_told(value: object, message: str) -> None:
    """What can't be read raises a ConfigurationError that says where and what is wanted."""
    with pytest.raises(ConfigurationError) as caught:
        read_request_rules(value, PLACE)
    assert str(caught.value) == message


@given(
    st.none() | st.integers() | st.text() | st.dictionaries(
        st.sampled_from(["include", "exclude", "sample", "x"]), st.lists(st.text()) | st.floats() | st.text()
    )
)  # fmt: skip
def test_nothing_but_configuration_errors_are_raised(value: object) -> None:
    """Whatever the configuration holds, it is read or refused with a ConfigurationError."""
    with suppress(ConfigurationError):
        assert read_request_rules(value, PLACE).enabled
