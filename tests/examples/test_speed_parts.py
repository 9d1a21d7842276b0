"""What the speed layer makes of a record, of its options, and of who sits where; without a broker."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.game_api.speed_layer.memory import Memory
from examples.game_api.speed_layer.options import read_options
from examples.game_api.speed_layer.reading import Fact, fact_of
from examples.game_api.speed_layer.seat import taken_seat
from flask_kafka_events import Event
from flask_kafka_events.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

SWORD = Event(
    id="1",
    source="/game",
    type="purchased_sword",
    time=datetime(2026, 1, 1, 0, 0, 1, 250_000, tzinfo=timezone.utc),
    topic="game",
    key="ana",
    data=b'{"player":"ana"}',
    attributes={"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
)


def read(event: Event, format: str = "plain", **instead: Any) -> Fact:
    """The fact of an event's record, parts of which are something else."""
    record = FORMATS[format](event)
    parts: dict[str, Any] = {
        "value": record.value,
        "key": record.key,
        "timestamp": 5,
        "headers": list(record.headers),
    }
    return fact_of(**(parts | instead))


def changed(**what: Any) -> Event:
    """The sword's event with other values."""
    fields = {name: getattr(SWORD, name) for name in SWORD.__struct_fields__}
    return Event(**(fields | what))


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_purchase_is_read_in_each_format(format: str) -> None:
    """Whatever format it is in, a purchase has its player, its time in milliseconds and its trace."""
    assert read(SWORD, format) == {
        "kind": "purchase",
        "identity": "/game 1",
        "id": "1",
        "type": "purchased_sword",
        "player": "ana",
        "at": 1767225601250,
        "trace": SWORD.attributes["traceparent"],
    }


def test_each_record_is_something() -> None:
    """No purchase, a purchase by nobody, and what isn't an event: each has its kind, and the record's own time."""
    assert read(changed(type="joined_guild"))["kind"] == "other"
    assert read(changed(key=None))["kind"] == "unnamed"
    assert read(changed(key=""))["kind"] == "unnamed"
    assert read(SWORD, key=None)["kind"] == "unnamed"
    # The windows' state belongs to the record's key: what it isn't, is nobody's.
    assert read(SWORD, key=b"\xff")["kind"] == "unnamed"
    assert read(SWORD, headers=None) == {
        "kind": "malformed",
        "reason": read(SWORD, headers=[])["reason"],
        "at": 5,
    }
    assert "1970" in read(changed(time=datetime(1969, 12, 31, tzinfo=timezone.utc)))["reason"]
    assert "9998" in read(changed(time=datetime(9999, 1, 1, tzinfo=timezone.utc)))["reason"]
    assert "NUL" in read(SWORD, key=b"a\0na")["reason"]


@given(
    value=st.none() | st.binary(),
    key=st.none() | st.binary(),
    headers=st.none()
    | st.lists(
        st.tuples(
            st.sampled_from(
                ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type", "data"]
            ),
            st.none()
            | st.binary()
            | st.sampled_from([b"1.0", b"text/plain", b"/a", b"0001-01-01T00:00:00Z"]),
        )
    ),
)
def test_no_record_stops_its_partition(value: Any, key: Any, headers: Any) -> None:
    """Whatever bytes a record is made of, reading it gives a fact and never raises."""
    assert fact_of(value, key, 0, headers)["kind"] in {"purchase", "unnamed", "other", "malformed"}


class Remembered(dict[str, Any]):
    """One player's state, as Quix Streams gives it: what is put there comes back as JSON has it."""

    def set(self, key: str, value: Any) -> None:
        """Put it there."""
        self[key] = json.loads(json.dumps(value))

    def exists(self, key: str) -> bool:
        """Whether there is something."""
        return key in self

    def delete(self, key: str) -> None:
        """Forget it."""
        del self[key]


MEMORY = Memory(late_seconds=60, window_seconds=60)


def judged(state: Remembered, identity: int, seconds: float) -> Fact:
    """What becomes of a purchase at so many seconds."""
    return MEMORY.judge(Fact(kind="purchase", identity=f"/game {identity}", at=round(seconds * 1000)), state)


def test_purchase_counts_once_whatever_time_its_copy_claims() -> None:
    """A copy is a duplicate at its own time, minutes later, and beyond the bound."""
    state = Remembered()
    assert judged(state, 1, 100)["kind"] == "purchase"
    assert [judged(state, 1, at)["kind"] for at in (100, 400, 0)] == ["duplicate"] * 3


def test_purchase_is_late_by_what_is_beyond_the_bound() -> None:
    """It may be as old as the bound, to the millisecond; a copy doesn't make anything late."""
    state = Remembered()
    judged(state, 1, 100)
    judged(state, 1, 9_000)
    assert judged(state, 2, 40)["kind"] == "purchase"
    late = judged(state, 3, 39.999)
    assert (late["kind"], late["late_by"]) == ("late", 1)


def test_memory_stays_flat() -> None:
    """What no window that is open could have any more is forgotten."""
    state = Remembered()
    sizes = []
    for number in range(2_000):
        judged(state, number, number)
        sizes.append(len(state))
    assert max(sizes) == sizes[200] == sizes[-1]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 300)), max_size=60))
def test_memory_counts_as_one_that_forgets_nothing(told: list[tuple[int, int]]) -> None:
    """Whatever comes in whatever order: of what isn't late each id counts once, as long as it could be in time."""
    state, latest = Remembered(), -math.inf
    counted: dict[int, int] = {}
    for identity, seconds in told:
        kind = judged(state, identity, seconds)["kind"]
        if identity in counted and counted[identity] >= latest - 120:
            assert kind == "duplicate"
        elif identity not in counted:
            assert kind == ("purchase" if seconds >= latest - 60 else "late")
        if kind == "purchase":
            counted[identity], latest = seconds, max(latest, seconds)


def test_options_come_from_the_environment() -> None:
    """A file is SQLite's, a URL stays one; the command line goes before the environment."""
    options = read_options(
        [], {"FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": "a:1", "GAME_SPEED_LAYER_DB": "/x/totals.db"}
    )
    assert (options.bootstrap_servers, options.database) == ("a:1", "sqlite:////x/totals.db")
    assert (options.topic, options.alert_swords) == ("game_users_events", 10)
    url = "postgresql+psycopg://game@host/totals"
    assert read_options(["--database", url], {"GAME_SPEED_LAYER_DB": "other.db"}).database == url


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--bootstrap-servers", "embedded"], "name an Apache Kafka"),
        (["--window-seconds", "0"], "no number above 0"),
        (["--late-seconds", "ten"], "no number above 0"),
        (["--commit-seconds", "-1"], "no number above 0"),
    ],
)
def test_wrong_options_are_told(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that can't be is refused with the reason."""
    with pytest.raises(SystemExit):
        read_options(arguments, {})
    assert text in capsys.readouterr().err


def test_embedded_broker_of_the_environment_is_refused_too(capsys: pytest.CaptureFixture[str]) -> None:
    """What the game takes from the environment isn't taken in silence here."""
    with pytest.raises(SystemExit):
        read_options([], {"FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": "embedded"})
    assert "name an Apache Kafka" in capsys.readouterr().err


def test_a_seat_is_free_again_after_a_kill(tmp_path: Path) -> None:
    """Two living processes have two seats; who comes after a killed one has its seat, its name and its directory."""
    program = f"""
import pathlib, sys, time
from examples.game_api.speed_layer.seat import taken_seat
with taken_seat(pathlib.Path({str(tmp_path)!r})) as seat:
    print(seat.name, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        first = other.stdout.readline().strip()
        with taken_seat(tmp_path) as mine:
            assert mine.name != first
            assert mine.directory == tmp_path / "1"
        other.kill()
    with taken_seat(tmp_path) as next_one:
        assert (next_one.name, next_one.directory) == (first, tmp_path / "0")
