"""What the live page is made of, without a broker: positions, rows, the backlog and a reader's place in it."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.game_api.live.backlog import MOST_BYTES, Backlog
from examples.game_api.live.news import ReaderTooSlow
from examples.game_api.live.position import Position, read_position
from examples.game_api.live.row import row_of
from examples.game_api.live.speed_layer import SpeedLayer
from examples.game_api.live.stream import Pace, Reader, stream
from examples.game_api.live.tally import MOST_NAMES, Tally
from examples.game_api.live.words import broker_words
from flask_kafka_events import Event, Stats
from flask_kafka_events.reading import ReadEvent

NUMBERS = st.integers(min_value=0, max_value=10**9 - 1)
TOPICS = st.text("abcXYZ019-_#.", max_size=30)


def row(offset: int, *, partition: int = 0, player: str | None = "ana", **more: Any) -> dict[str, Any]:
    """An event as the backlog gets it."""
    place = {"partition": partition, "offset": offset, "id": f"{partition}-{offset}", "acknowledged": None}
    return {**place, "type": "sold", "player": player, **more}


def begun(backlog: Backlog | None = None, *, starts: dict[int, int] | None = None) -> Backlog:
    """A backlog of a topic with one partition."""
    backlog = backlog or Backlog()
    backlog.begin("here", {0: 0} if starts is None else starts)
    return backlog


def offsets(chunk: bytes) -> list[int]:
    """The offsets of the events in a piece of a stream."""
    blocks = chunk.decode().split("\n\n")
    datas = [block.split("data: ")[1] for block in blocks if block.startswith("event: event\n")]
    return [json.loads(data)["offset"] for data in datas]


@given(topic=TOPICS, places=st.dictionaries(NUMBERS, NUMBERS, max_size=5))
def test_position_is_read_as_it_is_written(topic: str, places: dict[int, int]) -> None:
    """An id comes back as the position it tells, and stays on one line."""
    position = Position(topic=topic, offsets=places)
    assert read_position(str(position)) == position
    assert "\n" not in str(position)


@given(st.text())
def test_anything_may_come_as_a_position(text: str) -> None:
    """What isn't one is none, and no error."""
    position = read_position(text)
    assert position is None or all(offset >= 0 for offset in position.offsets.values())


@pytest.mark.parametrize(
    "text", ["", "12", "here/0", "here/0:1,", "here/0:-1", "a\nb/0:1", "here/0:1\n", "x" * 5000 + "/"]
)
def test_what_is_no_position_is_none(text: str) -> None:
    """Such a reader begins."""
    assert read_position(text) is None


def test_reader_gets_what_it_lacks_and_nothing_twice() -> None:
    """From any offset on, a reader that comes again gets exactly the events behind it, in order."""
    backlog = begun()
    backlog.extend(map(row, range(20)), {})
    for last in range(20):
        reader = Reader(backlog)
        first = reader.begin(Position(topic="here", offsets={0: last}))
        assert b"snapshot" not in first
        assert offsets(reader.next(0)) == list(range(last + 1, 20))


@given(st.data())
def test_wherever_a_line_drops_nothing_is_missed_or_repeated(data: st.DataObject) -> None:
    """Events of three partitions in any order, read in pieces by one that comes again after each."""
    partitions = data.draw(st.lists(st.integers(0, 2), max_size=40))
    backlog = begun(starts={0: 0, 1: 0, 2: 0})
    numbers, rows = [0, 0, 0], []
    for partition in partitions:
        rows.append(row(numbers[partition], partition=partition))
        numbers[partition] += 1
    read: list[tuple[int, int]] = []
    position: Position | None = Position(topic="here")
    while rows:
        size = data.draw(st.integers(1, len(rows)))
        backlog.extend(rows[:size], {})
        rows = rows[size:]
        reader = Reader(backlog)
        assert b"snapshot" not in reader.begin(position)
        for block in reader.next(0).decode().split("\n\n"):
            if not block.startswith("event: event\n"):
                continue
            position = read_position(block.split("id: ")[1].split("\n")[0])
            told = json.loads(block.split("data: ")[1])
            read.append((told["partition"], told["offset"]))
            if data.draw(st.booleans()):
                break
    reader = Reader(backlog)
    reader.begin(position)
    for block in reader.next(0).decode().split("\n\n"):
        if block.startswith("event: event\n"):
            told = json.loads(block.split("data: ")[1])
            read.append((told["partition"], told["offset"]))
    assert sorted(read) == sorted(set(read))
    assert len(read) == len(partitions)


def test_reader_of_another_life_of_the_topic_begins_anew() -> None:
    """Offsets of a topic that was made anew say nothing: the page is told all that there is."""
    backlog = begun()
    backlog.extend([row(0)], {})
    assert b"snapshot" in Reader(backlog).begin(Position(topic="elsewhere", offsets={0: 0}))


def test_reader_that_was_away_too_long_begins_anew() -> None:
    """Where what it lacks isn't kept any more, it gets the counts and the latest rows in its place."""
    backlog = begun(Backlog(most_events=10))
    backlog.extend(map(row, range(20)), {})
    assert offsets(pieces(backlog, Position(topic="here", offsets={0: 9}))) == list(range(10, 20))
    first = Reader(backlog).begin(Position(topic="here", offsets={0: 8}))
    snapshot = json.loads(first.split(b"data: ")[1])
    assert snapshot["tally"]["total"] == 20
    assert [each["offset"] for each in snapshot["rows"]] == list(range(20))


def test_reader_ahead_of_this_process_waits_for_it() -> None:
    """Another process has read further: what this one reads up to there isn't told again."""
    backlog = begun()
    backlog.extend([row(0)], {})
    later = threading.Timer(0.1, lambda: backlog.extend([row(1), row(2)], {}))
    later.start()
    reader = Reader(backlog)
    assert b"snapshot" not in reader.begin(Position(topic="here", offsets={0: 1}))
    later.join()
    assert offsets(reader.next(0)) == [2]


def test_reader_that_is_ahead_for_ever_begins_anew() -> None:
    """It knows a topic that isn't there any more."""
    assert begun().resume(Position(topic="here", offsets={0: 7}), patience=0.05) is None


def test_page_begins_once_all_that_was_there_is_read() -> None:
    """A reader that comes while the process still reads what it found waits for that, for a while."""
    backlog = Backlog()
    backlog.begin("here", {0: 0}, {0: 2})
    backlog.extend([row(0)], {})
    later = threading.Timer(0.1, lambda: backlog.extend([row(1)], {}))
    later.start()
    chunks = stream(backlog, None, Pace())
    next(chunks)
    assert b'"total":2' in next(chunks)
    later.join()


def test_topic_that_was_deleted_and_made_anew_is_noticed() -> None:
    """An offset comes a second time."""
    backlog = begun()
    backlog.extend([row(0), row(1)], {})
    assert backlog.is_repeated(row(1))
    assert not backlog.is_repeated(row(2))


def test_slow_reader_is_dropped_and_nobody_waits_for_it() -> None:
    """One whose next event is gone gets no more; the others go on."""
    backlog = begun(Backlog(most_events=10))
    slow, quick = Reader(backlog), Reader(backlog)
    slow.begin(None)
    quick.begin(None)
    read = []
    for number in range(30):
        backlog.extend([row(number)], {})
        read += offsets(quick.next(0))
    assert read == list(range(30))
    with pytest.raises(ReaderTooSlow):
        slow.next(0)


def test_dropped_reader_is_told() -> None:
    """The stream says so and ends; the browser comes again from where it was."""
    backlog = begun(Backlog(most_events=10))
    chunks = stream(backlog, None, Pace())
    assert next(chunks) == b"retry: 300\n\n"
    assert b"snapshot" in next(chunks)
    backlog.extend(map(row, range(20)), {})
    assert list(chunks) == [b"event: dropped\ndata: {}\n\n"]


def test_topic_made_anew_goes_on_in_the_same_stream() -> None:
    """Its readers aren't slow: each gets a new beginning."""
    backlog = begun()
    chunks = stream(backlog, None, Pace())
    next(chunks)
    next(chunks)
    backlog.begin("another", {0: 0})
    assert b"id: another/\n" in next(chunks)
    backlog.end()
    assert next(chunks) == b": still here\n\n"
    assert list(chunks) == [b"event: bye\ndata: {}\n\n"]


def test_stream_lives_as_long_as_it_may_and_shows_that_it_does() -> None:
    """Without events there is a sign of life at each beat, and an end in time."""
    chunks = list(stream(begun(), None, Pace(life=0.5, heartbeat=0.1)))
    assert 4 <= chunks.count(b": still here\n\n") <= 5
    assert chunks[-1] == b"event: bye\ndata: {}\n\n"


def test_backlog_is_bounded_by_bytes_too() -> None:
    """However large events are, the backlog isn't."""
    backlog = begun(Backlog(most_bytes=50_000))
    backlog.extend((row(number, data="x" * 2_000) for number in range(1_000)), {})
    reader = Reader(backlog)
    reader.begin(Position(topic="here", offsets={0: 985}))
    assert offsets(reader.next(0)) == list(range(986, 1_000))
    assert backlog.resume(Position(topic="here", offsets={0: 900}), patience=0) is None
    assert MOST_BYTES < 20_000_000


def test_late_acknowledgement_is_told_once_its_event_is_there() -> None:
    """A reader hears of it, and one that begins later finds it in the row."""
    backlog = begun()
    reader = Reader(backlog)
    reader.begin(None)
    backlog.extend([row(0)], {"0-0": 1.0, "unknown": 2.0})
    backlog.extend([], {"0-0": 1.5})
    assert b'event: acknowledged\ndata: {"0-0":1.5}' in reader.next(0)
    assert b'"acknowledged":1.5' in Reader(backlog).begin(None)
    assert b'{"0-0":1.5}' in Reader(backlog).begin(Position(topic="here", offsets={0: 0}))


def test_state_is_told_when_it_changes() -> None:
    """Each reader gets the state it has not had."""
    backlog = begun()
    reader = Reader(backlog)
    reader.begin(None)
    backlog.tell(b"1")
    assert reader.next(0) == b"event: state\ndata: 1\n\n"
    backlog.tell(b"1")
    assert reader.next(0) == b": still here\n\n"


def test_counts_are_bounded() -> None:
    """However many players there are, so many have a line of their own, and nobody is left out of the sum."""
    tally = Tally()
    for number in range(MOST_NAMES + 5):
        tally.count("sold", str(number))
    tally.count("sold", None)
    told = tally.told()
    assert len(told["players"]) == MOST_NAMES
    assert told["unnamed"] == {"types": 0, "players": 5, "nobody": 1}
    assert told["total"] == MOST_NAMES + 6


EVENT = Event(
    id="1", source="/game", type="sold", time=datetime(2026, 1, 1, tzinfo=timezone.utc), topic="t", key="ana",
    data=b'{"player":"bo"}', attributes={"durationus": 1500},
)  # fmt: skip
READ = ReadEvent(event=EVENT, partition=0, offset=7, stored=EVENT.time, key=b"ana", value=b"sold")


def test_row_tells_who_when_and_where() -> None:
    """The player is the data's, else the key; answered is the event's time and the request's duration."""
    shown = row_of(READ, seen=5.0, acknowledged=None)
    assert (shown["player"], shown["offset"], shown["seen"]) == ("bo", 7, 5.0)
    assert shown["answered"] - shown["time"] == pytest.approx(0.0015, abs=1e-6)
    for data in (b"[1]", b'{"player":3}', None):
        read = replace(READ, event=Event(**{**struct(EVENT), "data": data}))
        assert row_of(read, seen=5.0, acknowledged=None)["player"] == "ana"


def test_row_of_no_event_is_one_too() -> None:
    """What others write into the topic is shown as text, whatever bytes it has."""
    read = ReadEvent(event=None, partition=0, offset=1, stored=None, key=b"\xff", value=b"\xfe" * 5_000)
    shown = row_of(read, seen=5.0, acknowledged=None)
    assert (shown["type"], shown["player"], shown["time"]) == ("not an event", "�", None)
    assert len(json.dumps(shown, ensure_ascii=False)) < 2_500
    assert (
        row_of(replace(read, stored=EVENT.time, key=None, value=None), seen=5, acknowledged=None)["data"]
        == ""
    )


def test_row_of_a_huge_event_is_short() -> None:
    """Names, data and attributes are cut, so that a backlog of them is bounded."""
    huge = Event(
        **{**struct(EVENT), "type": "t" * 999, "data": b'{"player":"%s"}' % (b"p" * 99_999),
           "attributes": {f"a{number}": "v" * 1_000 for number in range(500)}},
    )  # fmt: skip
    assert len(json.dumps(row_of(replace(READ, event=huge), seen=5.0, acknowledged=None))) < 15_000


def struct(event: Event) -> dict[str, Any]:
    """An event's fields."""
    return {name: getattr(event, name) for name in event.__struct_fields__}


def stats(**more: int) -> Stats:
    """A ledger."""
    empty: dict[str, Any] = dict.fromkeys(Stats.__dataclass_fields__, 0)
    return Stats(**{**empty, "failed_by_reason": {}, "dropped_by_reason": {}, **more})


@pytest.mark.parametrize(
    ("pending", "answers", "has_topic", "words"),
    [
        (0, True, True, "Kafka answers, and nothing waits."),
        (1, True, True, "Kafka answers. 1 event waits for its acknowledgement."),
        (0, True, False, "Kafka answers. The topic isn't there yet; the first event may make it."),
        (0, False, True, "Kafka is away. Purchases go on: none waits yet."),
        (2000, False, True, "Kafka is away. Purchases go on: 2,000 events wait and will be sent when it is back."),
    ],
)  # fmt: skip
def test_broker_is_told_in_words(pending: int, answers: bool, has_topic: bool, words: str) -> None:
    """Each state has its sentence."""
    assert broker_words(stats(pending=pending), answers=answers, has_topic=has_topic) == words


def test_speed_layer_is_shown_where_it_is(tmp_path: Path) -> None:
    """Its totals and alerts, the latest window first; without a database, or one without them yet, there is no panel."""
    database = tmp_path / "speed.db"
    layer = SpeedLayer(f"sqlite:///{database}")
    assert SpeedLayer(None).results() is None
    assert layer.results() is None
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "CREATE TABLE partition_totals (window_start TEXT, player TEXT, type TEXT, purchases INTEGER)"
        )
        connection.execute("CREATE VIEW totals AS SELECT * FROM partition_totals")
        rows = [(f"12:0{minute}", "ana", "purchased_sword", 10 + minute) for minute in range(5)]
        connection.executemany("INSERT INTO partition_totals VALUES (?, ?, ?, ?)", rows)
        connection.commit()
        assert SpeedLayer(str(database)).results() is None
        connection.execute(
            "CREATE TABLE alerts (window_start TEXT, window_end TEXT, player TEXT, swords INTEGER, cause_id TEXT, announced TEXT)"
        )
        connection.execute("INSERT INTO alerts VALUES ('12:00', '12:01', 'ana', 10, 'the tenth', NULL)")
        connection.commit()
        results = SpeedLayer(str(database)).results()
        assert results is not None
        assert layer.results() == results
        assert [each["window_start"] for each in results["totals"]] == ["12:04", "12:03", "12:02"]
        assert results["totals"][0] == {
            "window_start": "12:04", "player": "ana", "type": "purchased_sword", "purchases": 14,
        }  # fmt: skip
        assert results["alerts"] == [
            {"window_start": "12:00", "window_end": "12:01", "player": "ana", "swords": 10, "cause_id": "the tenth",
             "announced": None}
        ]  # fmt: skip
        connection.execute("DROP TABLE alerts")
        connection.commit()
    assert layer.results() == results, "for a moment it can't be read"


def pieces(backlog: Backlog, after: Position) -> bytes:
    """All that a reader gets that comes again."""
    reader = Reader(backlog)
    return reader.begin(after) + reader.next(0)
