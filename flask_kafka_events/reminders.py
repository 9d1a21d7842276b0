"""Warnings that would repeat with every event: each is written once a minute."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

#: Seconds between two lines about the same thing.
INTERVAL: Final = 60.0
#: Things remembered; an event's type may be made of what users send, so they must not pile up.
REMEMBERED: Final = 1024


class Reminders:
    """Writes warnings, at most one a minute for each thing they are about.

    Args:
        logger: gives the app's logger when it is needed.
    """

    def __init__(self, logger: Callable[[], logging.Logger]) -> None:
        self._logger = logger
        self._lock = threading.RLock()
        self._due: dict[object, float] = {}

    def warn(self, about: object, message: str, *args: object) -> None:
        """Log `message`, unless a line about the same thing is younger than a minute.

        Each of `args` is made text first: a handler that keeps its records would keep an exception with its frames,
        and a retired producer with them (measured: its threads and sockets stayed).
        """
        now = time.monotonic()
        with self._lock:
            if now < self._due.get(about, 0.0):
                return
            if len(self._due) >= REMEMBERED:
                self._due.clear()
            self._due[about] = now + INTERVAL
        self._logger().warning(message, *map(str, args))
