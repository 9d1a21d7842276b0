"""What holds of settings for any value at all."""

from contextlib import suppress
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.settings import CAPTURE_NAMES, FORMAT_NAMES, ON_FULL_NAMES, Settings, read_settings

KEYS = st.sampled_from([f"KAFKA_EVENTS_{each.name.upper()}" for each in fields(Settings)])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(print)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.sets(st.text() | st.integers())
    | st.dictionaries(st.text() | st.integers() | st.sampled_from(["acks", "sasl_password", "topic", "sample"]), inner),
    max_leaves=8,
)  # fmt: skip
TEXT = st.text(min_size=1)
GOOD = st.fixed_dictionaries(
    {},
    optional={
        "TOPIC": st.from_regex(r"[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}", fullmatch=True),
        "SOURCE": st.from_regex(r"/[a-z]+", fullmatch=True),
        "FORMAT": st.sampled_from(FORMAT_NAMES),
        "CREDENTIALS": st.functions(like=lambda: ("", ""), returns=st.tuples(TEXT, TEXT)),
        "CAPTURE": st.frozensets(st.sampled_from(CAPTURE_NAMES)),
        "REDACT": st.lists(TEXT).map(tuple),
        "QUEUE_EVENTS": st.integers(2, 10_000_000),
        "QUEUE_BYTES": st.integers(1024, 2**40),
        "ON_FULL": st.sampled_from(ON_FULL_NAMES),
        "BLOCK_SECONDS": st.floats(0, 86_400, exclude_min=True),
        "CLOSE_SECONDS": st.floats(0, 86_400) | st.integers(0, 86_400),
        "UNKNOWN_TOPIC_SECONDS": st.floats(0, 3600),
        "MAX_EVENT_BYTES": st.integers(1024, 900_000_000),
        "HANDLE_SIGTERM": st.booleans(),
        "STRICT": st.none() | st.booleans(),
        "ENABLED": st.booleans(),
    },
)


@given(st.dictionaries(KEYS | st.text().map("KAFKA_EVENTS_".__add__) | st.text(), VALUES), st.text())
def test_nothing_but_configuration_errors_are_raised(config: dict[str, object], app_name: str) -> None:
    """Whatever a config holds and whatever the app is called, it is read or refused with a ConfigurationError."""
    with suppress(ConfigurationError):
        assert isinstance(read_settings(config, app_name), Settings)


@given(GOOD)
def test_good_values_are_read_unchanged(values: dict[str, object]) -> None:
    """Each value that a setting allows is what the field holds."""
    settings = read_settings({f"KAFKA_EVENTS_{name}": value for name, value in values.items()}, "shop")
    assert {name: getattr(settings, name.lower()) for name in values} == values


@given(
    st.sampled_from(["PRODUCER", "CREDENTIALS", "USERID", "IDEMPOTENCY", "TYPES"]),
    st.text(alphabet="äöüß", min_size=1),
)
def test_no_secret_in_an_error(name: str, secret: str) -> None:
    """A text given where functions or mappings belong, a secret perhaps, is not repeated by the error."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({f"KAFKA_EVENTS_{name}": secret}, "shop")
    assert secret not in str(caught.value)
