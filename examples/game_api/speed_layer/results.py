"""What comes out of the windows, into the database: each partition's results and its offset in one transaction."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Protocol
from uuid import NAMESPACE_URL, uuid5

from quixstreams.sinks.base import BatchingSink, SinkBatch
from sqlalchemy import Connection, Engine

from examples.game_api.speed_layer import database
from examples.game_api.speed_layer.reading import EPOCH, MILLISECOND

KINDS: Final = ("counted", "duplicate", "late", "unnamed", "other", "malformed")
SWORD: Final = "purchased_sword"


class Announcer(Protocol):
    """Announces alerts."""

    def announce(self, topic: str, partition: int) -> None:
        """Announce those of a partition that are in the database and not announced yet."""


class Results(BatchingSink):  # type: ignore[misc]  # its types are only there where it is installed
    """Writes results, once for each record whatever is read again.

    Quix Streams calls `write` before it commits the offsets and the state: a process that dies in between leaves its
    records to be read again, from the state that was there before them. That gives the same totals for the same
    records, and what the database has already is passed by.

    Args:
        engine: the database.
        announcer: announces alerts once they are in the database.
        alert_swords: as many swords by one player in one window are an alert.
    """

    def __init__(self, engine: Engine, announcer: Announcer, *, alert_swords: int) -> None:
        super().__init__()
        self._engine = engine
        self._announcer = announcer
        self._alert_swords = alert_swords

    def write(self, batch: SinkBatch) -> None:
        """Write what came out of one partition since the last time, in one transaction with its offset."""
        place = {"topic": batch.topic, "part": batch.partition}
        with self._engine.begin() as connection:
            known: int = connection.execute(database.TAKE_PROGRESS, place).scalar_one()
            fresh = [(item.offset, item.value) for item in batch if item.offset >= known]
            if fresh:
                self._write_fresh(connection, place, fresh)
        # Before Kafka hears that these records are done, so that whoever comes after a crash comes by here again.
        self._announcer.announce(batch.topic, batch.partition)

    def _write_fresh(
        self, connection: Connection, place: dict[str, Any], fresh: list[tuple[int, dict[str, Any]]]
    ) -> None:
        by_kind: dict[str, list[tuple[int, dict[str, Any]]]] = {kind: [] for kind in KINDS}
        for offset, result in fresh:
            by_kind[result["kind"]].append((offset, result))
        counted = [result for _, result in by_kind["counted"]]
        rows = {
            database.PUT_TOTAL: [place | row for row in last_totals(counted)],
            database.PUT_ALERT: [place | row for row in alerts(counted, self._alert_swords)],
            database.PUT_LATE: [place | late_row(*each) for each in by_kind["late"]],
            database.PUT_MALFORMED: [
                place | {"record_offset": offset, "reason": result["reason"]}
                for offset, result in by_kind["malformed"]
            ],
        }
        for statement, each in rows.items():
            if each:
                connection.execute(statement, each)
        numbers = Counter({kind: len(each) for kind, each in by_kind.items()})
        connection.execute(
            database.ADVANCE, {**place, **numbers, "next_offset": max(offset for offset, _ in fresh) + 1}
        )


def last_totals(counted: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of totals: of several results for one of them the last, which holds those before it."""
    rows = {}
    for window in counted:
        last = window["value"]["last"]
        rows[window["start"], last["player"], last["type"]] = {
            "window_start": as_text(window["start"]),
            "window_end": as_text(window["end"]),
            "player": last["player"],
            "type": last["type"],
            "purchases": window["value"]["by_type"][last["type"]],
        }
    return list(rows.values())


def alerts(counted: Iterable[dict[str, Any]], swords: int) -> Iterable[dict[str, Any]]:
    """The rows of alerts: one where a purchase was the one too many. Its id is the same whenever it is made again."""
    for window in counted:
        last = window["value"]["last"]
        if last["type"] == SWORD and window["value"]["by_type"][SWORD] == swords:
            start = as_text(window["start"])
            yield {
                "player": last["player"],
                "window_start": start,
                "window_end": as_text(window["end"]),
                "swords": swords,
                "id": str(uuid5(NAMESPACE_URL, f"urn:player_alerted:{start}:{last['player']}")),
                "cause_id": last["id"],
                "cause_trace": last["trace"],
            }


def late_row(offset: int, late: dict[str, Any]) -> dict[str, Any]:
    """The row of an event that came more than the bound after a later one of its player."""
    return {
        "record_offset": offset,
        "id": late["id"],
        "type": late["type"],
        "player": late["player"],
        "event_time": as_text(late["at"]),
        "late_by_ms": late["late_by"],
    }


def as_text(milliseconds: int) -> str:
    """A time in milliseconds since 1970 as RFC 3339 has it, in UTC."""
    moment = EPOCH + milliseconds * MILLISECOND
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds")
