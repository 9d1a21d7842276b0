"""What would be repeated for every event or every retry: each thing is told once a minute."""

import logging
import time
from typing import Final

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.log_line import Line

#: Seconds between two lines about the same thing.
INTERVAL: Final = 60.0
#: Things remembered; an event's type may be made of what users send, so they must not pile up.
REMEMBERED: Final = 1024


class Reminders:
    """Writes lines to the log, at most one a minute for each thing they are about.

    Args:
        log: the app's.
    """

    def __init__(self, log: AppLog) -> None:
        self._log = log
        # No lock: a fork could copy it while it is held. Each step is one atomic call on the dict, and the worst that
        # two threads can do to each other is a second line.
        self._due: dict[object, float] = {}

    def warn(self, about: object, message: str, *args: object, line: Line) -> None:
        """Log a warning, unless a line about the same thing is younger than a minute."""
        self._tell(logging.WARNING, about, message, args, line)

    def tell(self, level: int, about: object, message: str, *args: object, line: Line) -> None:
        """Log a line at a level, unless one about the same thing is younger than a minute."""
        self._tell(level, about, message, args, line)

    def _tell(self, level: int, about: object, message: str, args: tuple[object, ...], line: Line) -> None:
        now = time.monotonic()
        if now < self._due.get(about, 0.0):
            return
        if len(self._due) >= REMEMBERED:
            self._due.clear()
        self._due[about] = now + INTERVAL
        self._log.log(level, message, *args, line=line, depth=3)
