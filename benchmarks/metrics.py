"""What Prometheus' metrics cost an event: `python -m benchmarks.metrics`; again with PROMETHEUS_MULTIPROC_DIR set.

Blocks of calls of a decorated function take turns in one process, without metrics and with them. `cpu` is the calling
thread's, where a request would be; `process` is all threads' until the broker has the event, the poller's among them.
"""

from __future__ import annotations

import time

from prometheus_client import REGISTRY

from benchmarks.blocks import Variant, take_turns
from benchmarks.brokers import embedded
from benchmarks.shops import calling, extended, flushing
from benchmarks.tables import table_of
from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.contrib.prometheus.metrics import metrics_of

EVENTS = 2000
BLOCKS = 21
LOOKS = 1000


def main() -> None:
    """Print the tables."""
    with embedded() as servers, extended(servers) as plain, extended(servers) as metered:
        export_metrics(metered)
        variants = {
            "no metrics": Variant(calling(plain), flushing(plain)),
            "metrics": Variant(calling(metered), flushing(metered)),
        }
        sheets = take_turns(variants, operations=EVENTS, rounds=BLOCKS)
        for clock in ("cpu", "process"):
            print(table_of(f"an event, {clock}", sheets[clock]))
            print(f"added: {sheets[clock].added('metrics', 'no metrics'):.2f} µs\n")
        began = time.perf_counter()
        for _ in range(LOOKS):
            metrics_of(REGISTRY).collect()
        took = 1e6 * (time.perf_counter() - began) / LOOKS
        print(f"one look at the ledger, twice a second: {took:.0f} µs")


if __name__ == "__main__":
    main()
