"""The crowd's account: what counts as lost, and what is no good sign beside."""

from collections import Counter
from pathlib import Path
from threading import Timer

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.mmap_dict import MmapedDict

from examples.crowd.account import Account
from examples.crowd.ledger import Ledger, read_ledger
from examples.crowd.players import Played
from examples.crowd.reading import EVENTS

ROUTES = list(EVENTS)


def account(
    answered: dict[tuple[str, str], int], arrived: dict[tuple[str, str], int], ledger: Ledger | None = None
) -> Account:
    """Of players who were answered so often on these routes, and whose events of these types arrived."""
    played = Played(
        seconds=10.0, players=0, requests=sum(answered.values()), refused=0, refusals={}, p50=2, p99=9, slowest=40,
        answered=[(player, route, number) for (player, route), number in answered.items()],
    )  # fmt: skip
    return Account(played=played, arrived=arrived, again=0, ledger=ledger)


def delivered(number: int, **losses: int) -> Ledger:
    """A ledger that says so."""
    return Ledger(emitted=number + sum(losses.values()), adopted=0, delivered=number, losses=losses)


def test_another_player_s_event_makes_up_for_none() -> None:
    """What one player lacks is lost although another has one too many; so it is with the types of one player."""
    assert account({("a", "/"): 2}, {("a", "default"): 1, ("b", "default"): 1}).lost == 1
    crossed = account({("a", "/"): 1, ("a", "/join_guild"): 1}, {("a", "default"): 2})
    assert (crossed.lost, crossed.unanswered) == (1, 1)


def test_sums_that_differ_are_told() -> None:
    """A ledger that delivered another number than the topic has is no good sign, nor is a crowd that nobody answered."""
    assert account({("a", "/"): 1}, {("a", "default"): 1}, delivered(1)).troubles == []
    assert account({("a", "/"): 1}, {("a", "default"): 1}, delivered(2)).troubles == [
        "the workers delivered 2, and the topic has 1"
    ]
    assert account({}, {}).troubles == ["no request was answered"]


def test_the_ledger_accounts_for_each_event() -> None:
    """What met no end is undecided: it waits, or died with its process."""
    ledger = Ledger(emitted=10, adopted=2, delivered=8, losses={"dropped: queue_full": 3})
    assert ledger.undecided == 1
    assert str(ledger) == "emitted 10 + adopted 2 = delivered 8 + dropped: queue_full 3 + undecided 1"


def test_no_metrics_are_an_empty_ledger(tmp_path: Path) -> None:
    """Before the first event there is nothing to read."""
    assert read_ledger(tmp_path) == Ledger(emitted=0, adopted=0, delivered=0, losses={})


def test_a_file_that_is_being_made_is_waited_for(tmp_path: Path) -> None:
    """A worker's file is empty for an instant, in which it can't be read."""
    file = tmp_path / "counter_1.db"
    file.touch()
    worker = Timer(0.1, lambda: MmapedDict(str(file)).close())  # type: ignore[no-untyped-call]
    worker.start()
    assert read_ledger(tmp_path).emitted == 0
    worker.join()


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(ROUTES), st.sampled_from(["both", "answered", "arrived"])
        )
    )
)
def test_each_request_counts_once(requests: list[tuple[str, str, str]]) -> None:
    """Where requests are answered, or arrive, or both: what is lost and what is unanswered explain the difference."""
    answered = Counter((player, route) for player, route, how in requests if how != "arrived")
    arrived = Counter((player, EVENTS[route]) for player, route, how in requests if how != "answered")
    found = account(answered, arrived)
    assert answered.total() - found.lost == arrived.total() - found.unanswered
    assert found.lost <= sum(how == "answered" for _, _, how in requests)
    assert (found.lost == 0) == all(
        arrived[player, EVENTS[route]] >= n for (player, route), n in answered.items()
    )
