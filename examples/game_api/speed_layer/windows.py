"""The dataflow: records in, facts about windows out. Windows, their state and its recovery are Quix Streams' own."""

from typing import Any, Final, TypedDict

from quixstreams import Application
from quixstreams.sinks.base import BaseSink

from examples.game_api.speed_layer.options import Options
from examples.game_api.speed_layer.reading import Fact, fact_of
from examples.game_api.speed_layer.seat import Seat

#: Ids are kept in windows of their own, as short as this: each of its purchases reads and writes all ids of the window.
IDS_SECONDS: Final = 1
SESSION_MS: Final = 6_000  # the least that Kafka allows by default
TRANSACTION_MS: Final = 10_000


class Ids(TypedDict):
    """What is remembered of a second: the ids seen, the last purchase, and whether that was a new one."""

    seen: list[str]
    last: Fact
    is_new: bool


class Totals(TypedDict):
    """What is remembered of a window: the purchases by type, and the last one."""

    by_type: dict[str, int]
    last: Fact


def make_application(options: Options, seat: Seat) -> Application:
    """The program that holds the windows' state, and commits it with the offsets in one transaction of Kafka's."""
    return Application(
        broker_address=options.bootstrap_servers,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=options.commit_seconds,
        consumer_poll_timeout=min(0.1, options.commit_seconds),
        state_dir=seat.directory,
        loglevel="WARNING",
        consumer_extra_config={"group.instance.id": seat.name, "session.timeout.ms": SESSION_MS},
        producer_extra_config={
            "transactional.id": f"{options.group}-{seat.name}",
            "transaction.timeout.ms": TRANSACTION_MS,
        },
    )


def build(application: Application, options: Options, results: BaseSink) -> None:
    """Lay the way of a record: each comes out once, as what it is."""
    topic = application.topic(options.topic, value_deserializer="bytes", key_deserializer="bytes")
    facts = application.dataframe(topic).apply(fact_of, metadata=True)
    facts.filter(lambda fact: fact["kind"] != "purchase").sink(results)

    def keep_late(value: Fact, key: bytes, at: int, late_by: int, *place: Any) -> bool:
        *_, topic, partition, offset = place
        late = {**value, "kind": "late", "late_by": late_by}
        results.add(late, key, at, [], topic, partition, offset)
        return False  # it is told in the database, not in the log

    purchases = facts.filter(lambda fact: fact["kind"] == "purchase")
    purchases = purchases.set_timestamp(lambda fact, *_: fact["at"])
    ids = purchases.tumbling_window(
        IDS_SECONDS * 1000, options.late_seconds * 1000, name="ids", on_late=keep_late
    )
    seen = ids.reduce(see, see_first).current().apply(lambda window: window["value"])
    seen.filter(lambda ids: not ids["is_new"]).apply(lambda _: {"kind": "duplicate"}).sink(results)

    new = seen.filter(lambda ids: ids["is_new"]).apply(lambda ids: ids["last"])
    new = new.set_timestamp(lambda fact, *_: fact["at"])
    # A second longer, so that whatever the ids' windows let through finds its own open.
    grace = (options.late_seconds + IDS_SECONDS) * 1000
    totals = new.tumbling_window(options.window_seconds * 1000, grace, name="totals")
    totals.reduce(add, add_first).current().apply(lambda window: {**window, "kind": "counted"}).sink(results)


def see_first(purchase: Fact) -> Ids:
    """The first purchase of a second."""
    return {"seen": [purchase["identity"]], "last": purchase, "is_new": True}


def see(ids: Ids, purchase: Fact) -> Ids:
    """A further one, or one of them again."""
    if purchase["identity"] in ids["seen"]:
        return {**ids, "is_new": False}
    return {"seen": [*ids["seen"], purchase["identity"]], "last": purchase, "is_new": True}


def add_first(purchase: Fact) -> Totals:
    """The first purchase of a window."""
    return {"by_type": {purchase["type"]: 1}, "last": purchase}


def add(totals: Totals, purchase: Fact) -> Totals:
    """A further one."""
    before = totals["by_type"]
    by_type = {**before, purchase["type"]: before.get(purchase["type"], 0) + 1}
    return {"by_type": by_type, "last": purchase}
