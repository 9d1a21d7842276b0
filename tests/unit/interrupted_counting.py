"""`python -m tests.unit.interrupted_counting CASE`: an app's own count, in whose midst a signal handler emits an event.

With `PROMETHEUS_MULTIPROC_DIR` the one lock of all counts is held then, by this very thread.
"""

import faulthandler
import os
import sys
from collections.abc import Callable
from typing import Any

from prometheus_client import REGISTRY, Counter

from flask_kafka_events.contrib.prometheus import export_metrics
from flask_kafka_events.contrib.prometheus.metrics import metrics_of
from tests.processes import wait_until
from tests.sending import shop


class Interrupted(float):
    """A number that does something as it is added."""

    act: Callable[[], object]

    def __radd__(self, other: float) -> float:
        self.act()
        return other + float(self)


def is_publishing() -> bool:
    """Whether another thread brings ours up to date, and so waits for the lock of all counts."""
    lock: Any = metrics_of(REGISTRY).lock
    if lock.acquire(blocking=False):
        lock.release()
        return False
    return True


def main(case: str) -> None:
    """Count once."""
    faulthandler.dump_traceback_later(15, exit=True)
    with shop(testing=False, ENABLED=case != "disabled") as held:
        export_metrics(held.app)

        def emit() -> None:
            if case == "while_the_poller_waits":
                wait_until(is_publishing, "the poller waits")
            held.mine.emit("sold", float("nan"))

        if case == "while_the_poller_waits":
            held.mine.emit("bought", wait=5)
        amount = Interrupted(1)
        amount.act = emit
        Counter("asked", "The app's own.").inc(amount)
        os.write(1, b"emitted\n")
        held.mine.close()
    os.write(1, b"closed\n")


if __name__ == "__main__":
    main(sys.argv[1])
