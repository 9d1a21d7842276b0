"""`emit(id=..., attributes=...)`: an event that is the same whenever it is emitted, and tells what caused it."""

import pytest

from flask_kafka_events import DeliveryFailed, InvalidAttribute
from tests.sending import shop

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ANOTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_given_id_is_the_events() -> None:
    """Two emits with one id are two records of the same event; without, each has its own."""
    with shop() as here:
        for _ in range(2):
            here.mine.emit("alerted", id="a-1")
        here.mine.emit("alerted")
        first, second, third = here.sent()
        assert (first.id, second.id) == ("a-1", "a-1")
        assert third.id not in ("", "a-1")


def test_given_attributes_go_before_the_requests() -> None:
    """They stand beside what is known of the request; a traceparent of theirs leaves no foreign tracestate behind."""
    with shop() as here:

        @here.app.get("/x")
        def view() -> str:
            here.events.emit("alerted", attributes={"causationid": "c-1", "traceparent": TRACE})
            here.events.emit("noted", attributes={"level": 3})
            return "ok"

        here.app.test_client().get("/x", headers={"traceparent": ANOTHER, "tracestate": "a=b"})
        alerted, noted = here.sent()
        assert alerted.attributes["causationid"] == "c-1"
        assert alerted.attributes["traceparent"] == TRACE
        assert "tracestate" not in alerted.attributes
        assert alerted.attributes["httproute"] == "/x"
        assert (noted.attributes["level"], noted.attributes["traceparent"]) == (3, ANOTHER)
        assert noted.attributes["tracestate"] == "a=b"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"id": ""}, "id is empty"),
        ({"id": 5}, "id is of type int"),
        ({"attributes": {"causation-id": "x"}}, "lower-case letters"),
        ({"attributes": {"id": "x"}}, "is an attribute of CloudEvents itself"),
        ({"attributes": {"cause": 1.5}}, "is of type float"),
    ],
)
def test_what_cloudevents_forbids_is_a_mistake(given: dict[str, object], text: str) -> None:
    """In strict mode it raises; in production it is counted, and who waits is told."""
    with shop() as strict, pytest.raises(InvalidAttribute, match=text):
        strict.mine.emit("alerted", **given)  # type: ignore[arg-type]
    with shop(testing=False) as here:
        here.mine.emit("alerted", **given)  # type: ignore[arg-type]
        with pytest.raises(DeliveryFailed, match=text):
            here.mine.emit("alerted", wait=5, **given)  # type: ignore[arg-type]
        assert here.mine.stats().failed == 2
