"""What a test can say of captured events, and what it is told where that isn't so."""

from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest
from flask import Flask

from flask_kafka_events import KafkaEvents, current_event, emit_event
from flask_kafka_events.testing import Capture, CapturedEvents, capture_events
from tests.unit.test_capturing import app_with, emit


@pytest.fixture
def app() -> Flask:
    """An app that names no broker."""
    return app_with(TYPES={"off": {"enabled": False}})


def captured_of(app: Flask, *emits: tuple[str, Any, Any]) -> Capture:
    """What these emits, each a type, data and a key, have come to."""
    with capture_events(app) as captured:
        for type_, data, key in emits:
            emit(app, type_, data, key=key)
    return captured


def failure(call: Any, *args: Any, **how: Any) -> list[str]:
    """The lines of what a failing assertion says."""
    with pytest.raises(AssertionError) as raised:
        call(*args, **how)
    return str(raised.value).splitlines()


def test_what_matches_is_returned(app: Flask) -> None:
    """All that has the type and everything that is named, in order."""
    captured = captured_of(
        app, ("sold", {"n": 1, "x": 0}, "ana"), ("sold", {"n": 2}, 5), ("tick", None, None)
    )
    assert [each.data["n"] for each in captured.assert_emitted("sold")] == [1, 2]
    assert captured.assert_emitted("sold", data={"n": 1}, key="ana", count=1) == (captured[0],)
    assert captured.assert_emitted("sold", key=5, topic="shop_events") == (captured[1],)
    assert captured.assert_emitted("sold", count=2, data={"n": ANY}) == tuple(captured[:2])
    captured.assert_emitted("tick", data=None, key=None)
    captured.assert_emitted("sold", key=ANY, headers={"content-type": ANY}, count=2)
    captured.assert_emitted("tick", count=1, attributes={}, headers={"content-type": ANY})
    captured.assert_emitted("off", count=0)
    captured.assert_not_emitted("off")
    captured.assert_not_emitted("sold", data={"n": 3})


def test_headers_and_attributes_are_compared_too(app: Flask) -> None:
    """Headers as text or bytes; a key as whatever was given to emit."""
    key = UUID(int=1)
    with capture_events(app) as captured, app.test_request_context("/"):
        emit(app, "tick", key=key, headers={"tenant": "ä"})
    captured.assert_emitted("tick", key=key, headers={"tenant": "ä"}, attributes={"httpmethod": "GET"})
    captured.assert_emitted(
        "tick", key=b"00000000-0000-0000-0000-000000000001", headers={"tenant": "ä".encode()}
    )
    lines = failure(captured.assert_emitted, "tick", headers={"tenant": "b"}, attributes={"httpstatus": 200})
    assert lines[2:4] == [
        "    attributes['httpstatus'] is missing, not 200",
        "    headers['tenant'] is 'ä', not 'b'",
    ]


def test_the_nearest_event_and_its_differences_are_shown(app: Flask) -> None:
    """One of the same type goes before others, and of those the one with the fewest differences."""
    captured = captured_of(
        app,
        ("joined", {"color": "red", "price": 12, "tags": ["b"], "more": {"x": 1}}, "ana"),
        ("sold", {"color": "blue", "price": 12, "tags": ["a"]}, "ana"),
        ("sold", {"color": "blue", "price": 13, "tags": []}, None),
    )
    wanted = {"color": "red", "price": 12, "tags": ["b"], "more": {"x": 1}}
    lines = failure(captured.assert_emitted, "sold", data=wanted, key="ana", topic="other")
    assert lines[0] == f"Event 'sold' with data {wanted!r}, key 'ana', topic 'other' was never emitted."
    assert lines[1:] == [
        "The nearest is event 2, 'sold':",
        "    data['color'] is 'blue', not 'red'",
        "    data['tags'][0] is 'a', not 'b'",
        "    data['more'] is missing, not {'x': 1}",
        "    topic is 'shop_events', not 'other'",
        "Emitted, in this order (3):",
        """    1. joined  key 'ana'  to shop_events  {"color":"red","price":12,"tags":["b"],"more":{"x":1}}""",
        """    2. sold    key 'ana'  to shop_events  {"color":"blue","price":12,"tags":["a"]}""",
        """    3. sold    no key  to shop_events  {"color":"blue","price":13,"tags":[]}""",
    ]


def test_a_mistyped_type_is_shown_beside_the_one_that_is_like_it(app: Flask) -> None:
    """It is the nearest, whatever else is emitted."""
    captured = captured_of(app, ("joined_guild", None, None), ("purchased_sword", None, None))
    assert failure(captured.assert_emitted, "purchased_swrod")[:3] == [
        "Event 'purchased_swrod' was never emitted.",
        "The nearest is event 2, 'purchased_sword':",
        "    type is 'purchased_sword', not 'purchased_swrod'",
    ]


def test_a_type_may_be_a_matcher(app: Flask) -> None:
    """As all else may; what is nearest is then told by the rest."""
    with capture_events(app) as captured:
        emit(app, "sold", {"paid": True})
        captured.assert_emitted(ANY, data={"paid": True})
        with pytest.raises(
            AssertionError, match=r"(?s)Event <ANY> with data .* was never emitted.*nearest is event 1"
        ):
            captured.assert_emitted(ANY, data={"paid": False})


def test_a_wrong_number_is_told(app: Flask) -> None:
    """How many there are, and how many there should be."""
    captured = captured_of(app, *[("sold", None, None)] * 3, ("tick", None, None))
    assert (
        failure(captured.assert_emitted, "sold", count=1)[0]
        == "Event 'sold' was emitted 3 times (expected: once)."
    )
    assert (
        failure(captured.assert_emitted, "tick", count=2)[0]
        == "Event 'tick' was emitted once (expected: twice)."
    )
    assert (
        failure(captured.assert_emitted, "none", count=4)[0]
        == "Event 'none' was never emitted (expected: 4 times)."
    )
    assert (
        failure(captured.assert_emitted, "tick", count=0)[0]
        == "Event 'tick' was emitted once (expected: never)."
    )


def test_what_should_not_be_there_is_shown(app: Flask) -> None:
    """With all that was emitted."""
    captured = captured_of(app, ("sold", {"n": 1}, None))
    listed = ["Emitted, in this order (1):", '    1. sold  no key  to shop_events  {"n":1}']
    assert failure(captured.assert_not_emitted, "sold", data={"n": 1}) == [
        "Event 'sold' with data {'n': 1} was emitted.",
        *listed,
    ]
    assert failure(captured.assert_nothing_emitted) == ["An event was emitted.", *listed]


def test_a_failure_says_what_else_became_of_events(app: Flask) -> None:
    """Lost, switched off, taken back, or waiting for a request whose context the test has pushed."""

    @emit_event("taken_back")
    def take_back() -> None:
        current_event.discard()

    with capture_events(app) as captured, app.test_request_context():
        emit(app, "off")
        take_back()
        emit_event("later")(lambda: None)()
        KafkaEvents().for_app(app).close()
        emit(app, "late")
        lines = failure(captured.assert_emitted, "sold")
    assert lines[:2] == ["Event 'sold' was never emitted.", "Nothing was emitted."]
    assert lines[2].startswith("Lost: 1 'late' (closed). It was emitted after KafkaEvents was closed.")
    assert lines[3:5] == [
        "Not emitted: 1 taken back by current_event.discard().",
        "Not emitted: 1 switched off by KAFKA_EVENTS_ENABLED or KAFKA_EVENTS_TYPES.",
    ]
    assert lines[5].startswith(
        "Waiting for the end of the request at hand: 'later'. Its context was pushed by the test"
    )


def test_a_long_failure_is_cut(app: Flask) -> None:
    """Twenty events, twenty differences, 200 characters of data; the rest is counted."""
    captured = captured_of(app, *[("sold", {"text": "x" * 500}, None)] * 21)
    lines = failure(captured.assert_emitted, "sold", data={str(number): 1 for number in range(22)})
    assert lines[22:24] == ["    and 2 more differences", "Emitted, in this order (21):"]
    assert lines[-1] == "    and 1 more"
    assert lines[-2].endswith(
        f"to shop_events  {('{' + chr(34) + 'text' + chr(34) + ':' + chr(34) + 'x' * 500)[:200]}..."
    )


def test_many_mistakes_are_cut(app: Flask) -> None:
    """Twenty of them are shown at a capture's end."""
    quiet = app_with(testing=False)

    def make_mistakes() -> None:
        with capture_events(quiet):
            for _ in range(22):
                emit(quiet, "sold", float("nan"))

    assert failure(make_mistakes)[21] == "    and 2 more"


def test_events_show_themselves(app: Flask) -> None:
    """What pytest prints of one."""
    (event,) = captured_of(app, ("sold", {"n": 1}, "ana"))
    assert repr(event) == (
        f"CapturedEvent(type='sold', key='ana', topic='shop_events', data={{'n': 1}}, attributes={{}}, id={event.id!r})"
    )
    assert event in CapturedEvents([event])
    assert failure(CapturedEvents([event]).assert_nothing_emitted)[0] == "An event was emitted."
    assert repr(CapturedEvents([event])) == "<CapturedEvents: sold>"
