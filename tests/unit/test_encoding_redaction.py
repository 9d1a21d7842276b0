"""Secrets taken out of encoded data."""

import dataclasses

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.encoding import encode_data, redacted

from .event_strategies import JSON_VALUES


@dataclasses.dataclass
class Sword:
    """A dataclass."""

    colour: str
    price: int = 1


class Guild(msgspec.Struct, rename="camel"):
    """A Struct whose fields have other names in JSON."""

    guild_name: str


SECRETS = {
    "player": "ana",
    "password": "x",
    "card": {"number": 1, "cvc": 2, "Password_Old": None},
    "cards": [{"cvc": [3]}, "cvc"],
}


def test_redacted_values_are_replaced_at_any_depth() -> None:
    """Fields whose name matches a glob, in capitals or not, keep their name and lose their value."""
    assert msgspec.json.decode(redacted(encode_data(SECRETS), ("*PASSWORD*", "c[uv]c"))) == {
        "player": "ana",
        "password": "[redacted]",
        "card": {"number": 1, "cvc": "[redacted]", "Password_Old": "[redacted]"},
        "cards": [{"cvc": "[redacted]"}, "cvc"],
    }


def test_redaction_sees_the_names_of_the_json() -> None:
    """A renamed field is matched by the name that consumers see; a dataclass's field by its own."""
    encoded = encode_data({"guild": Guild("Rogues"), "sword": Sword("red")})
    assert redacted(encoded, ("guildName", "colour")) == (
        b'{"guild":{"guildName":"[redacted]"},"sword":{"colour":"[redacted]","price":1}}'
    )


def test_without_patterns_nothing_is_redacted() -> None:
    """No pattern leaves the bytes as they are."""
    encoded = encode_data(SECRETS)
    assert redacted(encoded, ()) is encoded


@given(JSON_VALUES, st.text(min_size=1))
def test_redaction_leaves_what_does_not_match(value: object, pattern: str) -> None:
    """Where nothing matches, every number and text stays exactly as it was."""
    encoded = encode_data(value)
    assert redacted(encoded, (f"no such name {pattern.replace('[', '').replace('*', '')}",)) == encoded
