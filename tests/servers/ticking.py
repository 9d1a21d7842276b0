"""The served app beside a greenlet that ticks: what stops gevent's hub makes a tick late."""

import atexit
import os
import time
from pathlib import Path

import gevent
from flask import Flask

from tests.servers import served

#: Milliseconds from each tick to the next, since the last question.
gaps: list[float] = []


def create_app() -> Flask:
    """The served app, which tells its longest gap, and leaves that of its end in a file."""
    app = served.create_app()
    gevent.spawn(tick)
    # Called after the extension's own, which is registered later, at the first event.
    atexit.register(lambda: Path(os.environ["SERVED_LAST_STALL"]).write_text(longest(), encoding="utf-8"))
    app.add_url_rule("/stall", view_func=longest)
    return app


def tick() -> None:
    """Note the time a thousand times a second."""
    last = time.perf_counter()
    while True:
        gevent.sleep(0.001)
        now = time.perf_counter()
        gaps.append((now - last) * 1000)
        last = now


def longest() -> str:
    """The longest gap since the last question."""
    gap = max(gaps, default=0.0)
    gaps.clear()
    return f"{gap:.1f}"
