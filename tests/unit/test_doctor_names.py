"""The names that `flask kafka-events doctor` offers for a mistyped one."""

import pytest
from confluent_kafka import KafkaException, Producer

from flask_kafka_events.doctor.property_names import PROPERTY_NAMES, property_hint
from flask_kafka_events.producer_rules import REFUSED, canonical_name

UNKNOWN = 'No such configuration property: "{}"'


def test_every_offered_name_is_one_of_librdkafkas() -> None:
    """In the lowest version that users may have, too; the last one here is none."""
    for name in PROPERTY_NAMES:
        value = (lambda _: None) if name.endswith("_cb") else "\x01"
        with pytest.raises(KafkaException) as caught:
            Producer({name: value, "no.such.name": ""})
        assert UNKNOWN.format(name) not in str(caught.value)


def test_every_offered_name_may_be_given() -> None:
    """The settings know it under no other name, and leave it to the user."""
    assert [name for name in PROPERTY_NAMES if canonical_name(name) != name or name in REFUSED] == []


def test_name_is_offered_for_what_is_nearly_one() -> None:
    """And none where there is no such name, or another error."""
    assert property_hint(UNKNOWN.format("compression.typ")) == "Did you mean 'compression.type'?"
    assert property_hint(UNKNOWN.format("zzz")) == ""
    assert property_hint("anything else") == ""
