"""How long events have waited, and whether a broker answers, by looks at the ledger that cost no event anything."""

from types import SimpleNamespace
from typing import Any

import pytest

from flask_kafka_events.delivery.vitals import FORGIVING, INTERVAL, REMEMBERED, Vitals
from flask_kafka_events.ledger import JOURNAL_TAKEN, Ledger


class Watched:
    """A ledger, a clock that stands still by itself, and what watches them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ledger = Ledger()
        self.connection = SimpleNamespace(obstacle="", complaint="", complained_at=-1.0, refused_at=-1.0)
        keeping = SimpleNamespace(trouble=str, fullness=dict)
        poller = SimpleNamespace(gate=SimpleNamespace(is_closed=False), keeping=keeping)
        parts: dict[str, Any] = {"connection": self.connection, "poller": poller}
        self.vitals = Vitals(ledger=self.ledger, clock=lambda: self.now, **parts)

    def turn(self, *, emitted: int = 0, delivered: int = 0, seconds: float = INTERVAL) -> float:
        """The poller's next turn, so many seconds later; how long the oldest event has waited by then."""
        for _ in range(emitted):
            self.ledger.enter()
        for _ in range(delivered):
            self.ledger.deliver()
        self.now += seconds
        return self.vitals.condition().waited


def test_an_event_waits_from_the_next_look_on() -> None:
    """Until it has its end."""
    watched = Watched()
    assert watched.turn() == 0
    assert [watched.turn(emitted=1), watched.turn(), watched.turn()] == [0, 1, 2]
    assert watched.turn(delivered=1) == 0


def test_later_events_do_not_hide_an_older_one() -> None:
    """The oldest counts, and what was settled is counted off from the oldest on."""
    watched = Watched()
    assert [watched.turn(emitted=1) for _ in range(4)] == [0, 1, 2, 3]
    assert [watched.turn(delivered=1), watched.turn(delivered=2)] == [3, 2]
    assert watched.turn(delivered=1) == 0


def test_a_steady_flow_waits_as_long_as_its_events_do() -> None:
    """Of ten events a second, each of which takes three seconds, none has waited for ever."""
    watched = Watched()
    waited = [watched.turn(emitted=10, delivered=10 if second > 2 else 0) for second in range(100)]
    assert max(waited) <= 3


def test_looks_are_few_however_long_it_lasts() -> None:
    """Every second one is forgotten, but never the first."""
    watched = Watched()
    for seconds in range(10 * REMEMBERED):
        assert watched.turn(emitted=1) == seconds
    assert watched.turn(delivered=10 * REMEMBERED) == 0


def test_many_turns_a_second_are_one_look() -> None:
    """Nothing is counted at each."""
    watched = Watched()
    assert watched.turn(emitted=1) == 0
    assert watched.turn(seconds=INTERVAL / 4) == INTERVAL / 4
    watched.turn(emitted=1, seconds=INTERVAL / 4)
    watched.turn(delivered=1, seconds=INTERVAL / 4)
    assert watched.vitals.condition().waited == 0, "the second has not been looked at yet"


def complained(watched: Watched) -> str:
    """A connection has failed just now; what is known of it."""
    watched.connection.complaint, watched.connection.complained_at = "gone", watched.now
    return watched.vitals.condition().complaint


def test_a_complaint_lasts_until_an_event_is_acknowledged() -> None:
    """Although that may take hours, while events wait; a later one counts again."""
    watched = Watched()
    watched.turn(emitted=2)
    assert complained(watched) == "gone"
    watched.turn(seconds=10_000)
    assert watched.vitals.condition().complaint == "gone"
    watched.turn(delivered=1)
    assert watched.vitals.condition().complaint == ""
    watched.turn()
    assert complained(watched) == "gone"


@pytest.mark.parametrize(("seconds", "known"), [(FORGIVING - 1, "gone"), (FORGIVING, "")])
def test_a_complaint_of_an_idle_app_is_forgiven(seconds: float, known: str) -> None:
    """Nothing is wanted of the broker, so nobody would hear that it is back."""
    watched = Watched()
    complained(watched)
    watched.turn(seconds=seconds)
    assert watched.vitals.condition().complaint == known


def test_losses_are_told_for_a_while() -> None:
    """By reason, with how many in all were lost for it."""
    ledger = Ledger()
    for _ in range(3):
        ledger.enter()
    ledger.fail("encoding", 2)
    ledger.drop("closed")
    assert ledger.lost_within(60) == {"encoding": 2, "closed": 1}
    assert ledger.lost_within(-1) == {}


def test_what_another_process_took_is_no_loss() -> None:
    """It is counted as dropped here, for here it has no other end, and sent there."""
    ledger = Ledger()
    ledger.adopt(2)
    ledger.hand_over(2)
    assert ledger.read().dropped_by_reason == {JOURNAL_TAKEN: 2}
    assert ledger.pending == 0
    assert ledger.lost_within(60) == {}
