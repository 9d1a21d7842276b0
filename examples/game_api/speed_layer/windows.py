"""The dataflow: records in, facts about windows out. Windows, their state and its recovery are Quix Streams' own."""

from typing import Final, TypedDict

from quixstreams import Application
from quixstreams.sinks.base import BaseSink

from examples.game_api.speed_layer.memory import Memory
from examples.game_api.speed_layer.options import Options
from examples.game_api.speed_layer.reading import Fact, fact_of
from examples.game_api.speed_layer.seat import Seat

SESSION_MS: Final = 6_000  # the least that Kafka allows by default
TRANSACTION_MS: Final = 10_000


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

    memory = Memory(late_seconds=options.late_seconds, window_seconds=options.window_seconds)
    judged = facts.filter(lambda fact: fact["kind"] == "purchase").apply(memory.judge, stateful=True)
    judged.filter(lambda fact: fact["kind"] != "purchase").sink(results)

    new = judged.filter(lambda fact: fact["kind"] == "purchase").set_timestamp(lambda fact, *_: fact["at"])
    # What the memory lets through finds its window open.
    totals = new.tumbling_window(options.window_seconds * 1000, options.late_seconds * 1000, name="totals")
    totals.reduce(add, add_first).current().apply(lambda window: {**window, "kind": "counted"}).sink(results)


def add_first(purchase: Fact) -> Totals:
    """The first purchase of a window."""
    return {"by_type": {purchase["type"]: 1}, "last": purchase}


def add(totals: Totals, purchase: Fact) -> Totals:
    """A further one."""
    before = totals["by_type"]
    by_type = {**before, purchase["type"]: before.get(purchase["type"], 0) + 1}
    return {"by_type": by_type, "last": purchase}
