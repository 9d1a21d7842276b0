"""When a mistake in an event matters, and when it doesn't."""

from typing import Any

import pytest
from flask import Response, abort

from flask_kafka_events import InvalidKey, current_event, emit_event
from tests.sending import shop


def test_mistake_in_production_is_counted_and_the_view_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Outside strict mode update() takes what it is given; the event fails with its reason, the answer goes out."""
    with shop(testing=False) as here:

        @here.app.get("/")
        @emit_event("seen")
        def view() -> str:
            current_event.update(price=float("nan"))
            return "fine"

        assert here.app.test_client().get("/").text == "fine"
        assert here.sent() == []
        assert here.mine.stats().failed_by_reason == {"encoding": 1}
    assert 'data["price"] is NaN or infinite' in caplog.text


@pytest.mark.parametrize("answer", [("bad", 400), Response("bad", 422), ("bad", 404, {"X-Why": "none"})])
def test_refusing_view_need_not_come_to_its_key(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A view that answers 4xx before it set the key keeps its answer in strict mode, and nobody is warned."""
    with shop() as here:

        @here.app.get("/")
        @emit_event("bought", key="player")
        def view() -> Any:
            return answer

        assert here.app.test_client().get("/").status_code >= 400
        stats = here.mine.stats()
        assert (stats.emitted, stats.not_matching) == (0, 1)
    assert caplog.text == ""


def test_event_that_is_switched_off_has_no_mistake() -> None:
    """What TYPES disables is counted apart, whatever is wrong with it."""
    with shop(TYPES={"tried": {"enabled": False}}) as here:
        here.app.get("/")(emit_event("tried", on="always", key="player")(refuse))
        here.app.test_client().get("/")
        stats = here.mine.stats()
        assert (stats.emitted, stats.disabled, stats.not_matching) == (0, 1, 0)


@pytest.mark.parametrize("testing", [True, False])
def test_aborting_view_has_no_mistake(testing: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Where an exception took the event away, its missing key and its bad data are nobody's concern."""
    with shop(testing=testing) as here:

        @here.app.get("/")
        @emit_event("bought", key="player", data={"price": float("nan")})
        def view() -> str:
            abort(404)

        assert here.app.test_client().get("/").status_code == 404
        stats = here.mine.stats()
        assert (stats.emitted, stats.not_matching) == (0, 1)
    assert caplog.text == ""


def refuse() -> tuple[str, int]:
    """A view that answers 400."""
    return "bad", 400


def test_mistake_matters_where_the_event_would_have_been_sent(caplog: pytest.LogCaptureFixture) -> None:
    """`on="always"` of a refusing view is told: strict mode raises, production counts."""
    with shop(testing=False) as here:
        data = {"price": float("nan")}
        here.app.get("/")(emit_event("tried", on="always", data=data)(refuse))
        assert here.app.test_client().get("/").status_code == 400
        assert here.mine.stats().failed_by_reason == {"encoding": 1}
        here.app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=True)
        with here.app.app_context(), pytest.raises(InvalidKey):
            emit_event("tried", on="always", key="player")(refuse)()
    assert "lost (encoding)" in caplog.text
