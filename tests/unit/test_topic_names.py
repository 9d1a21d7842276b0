"""Kafka's own rule for the name of a topic."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import InvalidTopic
from flask_kafka_events.topic_names import check_topic

ALLOWED = string.ascii_letters + string.digits + "._-"


@pytest.mark.parametrize("name", ["a", "game_users_events", "A.b_c-9", "...", "-", "x" * 249])
def test_allowed_name_comes_back(name: str) -> None:
    """A name that Kafka allows is given back unchanged."""
    assert check_topic(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (2024, "The name of a topic must be text, got int. Write it in quotes."),
        (None, "The name of a topic must be text, got NoneType. Write it in quotes."),
        ("", "The name of a topic can't be empty. Name a topic."),
        (".", "Kafka allows no topic named '.'. Choose another name."),
        ("..", "Kafka allows no topic named '..'. Choose another name."),
        ("a b", "Topic 'a b' has ' ' at position 1. Kafka allows a-z, A-Z, 0-9, '.', '_' and '-'."),
        ("a\n", "Topic 'a\\n' has '\\n' at position 1. Kafka allows a-z, A-Z, 0-9, '.', '_' and '-'."),
        ("é", "Topic 'é' has 'é' at position 0. Kafka allows a-z, A-Z, 0-9, '.', '_' and '-'."),
        ("x" * 250, f"Topic '{'x' * 60}'... has 250 characters. Kafka allows 249: shorten it."),
    ],
)
def test_refused_name_is_told_with_the_reason(name: object, message: str) -> None:
    """A name that Kafka refuses raises InvalidTopic, which says what is wrong with it."""
    with pytest.raises(InvalidTopic) as caught:
        check_topic(name)
    assert str(caught.value) == message


@given(st.text(alphabet=ALLOWED + " /é\0", max_size=260))
def test_rule_is_kafkas(name: str) -> None:
    """A text is allowed exactly where Kafka's rule, said in other words, allows it."""
    legal = 1 <= len(name) <= 249 and set(name) <= set(ALLOWED) and name not in {".", ".."}
    if legal:
        assert check_topic(name) == name
    else:
        with pytest.raises(InvalidTopic):
            check_topic(name)
