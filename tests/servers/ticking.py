"""The served app beside a greenlet that ticks: what stops gevent's hub makes a tick late.

Not counted is how long the hub's thread waited for a processor, which other programs had, nor Python's garbage collector:
it goes through the whole app at some allocation or other (62,000 objects: 37 ms).
"""

import atexit
import gc
import os
import time
from pathlib import Path

import gevent
from flask import Flask

from tests.servers import served

#: How long this thread ran, and how long it waited to run, in nanoseconds.
SCHEDULE = Path("/proc/thread-self/schedstat")

#: Milliseconds from each tick to the next, since the last question.
gaps: list[float] = []


def create_app() -> Flask:
    """The served app, which tells its longest gap, and leaves that of its end in a file."""
    app = served.create_app()
    gc.disable()
    gevent.spawn(tick)
    # Called after the extension's own, which is registered later, at the first event.
    atexit.register(lambda: Path(os.environ["SERVED_LAST_STALL"]).write_text(longest(), encoding="utf-8"))
    app.add_url_rule("/stall", view_func=longest)
    return app


def tick() -> None:
    """Note the time a thousand times a second."""
    with SCHEDULE.open("rb", buffering=0) as schedule:
        last = moment(schedule.fileno())
        while True:
            gevent.sleep(0.001)
            now = moment(schedule.fileno())
            gaps.append((now - last) / 1e6)
            last = now


def moment(schedule: int) -> int:
    """Nanoseconds of which the thread has spent none waiting for a processor."""
    now = time.perf_counter_ns()
    return now - int(os.pread(schedule, 100, 0).split()[1])


def longest() -> str:
    """The longest gap since the last question."""
    gap = max(gaps, default=0.0)
    gaps.clear()
    return f"{gap:.1f}"
