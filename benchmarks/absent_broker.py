"""What a request costs with the broker there, and with no broker at all: `python -m benchmarks.absent_broker`.

Blocks of requests to one view, bare and decorated, take turns in one process (WSGI, no socket), so that the machine's
drift meets all of them alike. Each figure is a block's mean; shown are their minimum, median and maximum.
"""

from __future__ import annotations

from benchmarks.blocks import Variant, take_turns
from benchmarks.brokers import embedded
from benchmarks.shops import NOWHERE, asking, bare, decorated, flushing
from benchmarks.tables import table_of
from flask_kafka_events import KafkaEvents

REQUESTS = 1000
BLOCKS = 15


def main() -> None:
    """Print the table."""
    with embedded() as servers, decorated(servers) as there, decorated(NOWHERE) as away:
        variants = {
            "no event": Variant(asking(bare())),
            "event, broker there": Variant(asking(there), flushing(there)),
            "event, no broker": Variant(asking(away)),
        }
        sheet = take_turns(variants, operations=REQUESTS, rounds=BLOCKS)["wall"]
        print(table_of("a request", sheet))
        for name, app in (("event, broker there", there), ("event, no broker", away)):
            stats = KafkaEvents().for_app(app).stats()
            print(f"{name}: {sheet.ratio(name, 'no event'):.2f} times no event; {stats.delivered} delivered, "
                  f"{stats.pending} pending of {stats.emitted}")  # fmt: skip


if __name__ == "__main__":
    main()
