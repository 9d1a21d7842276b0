"""The app's logger, as this package may use it: whatever the app's filters and handlers raise stays there."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask_kafka_events.printable import printable


class AppLog:
    """Writes to an app's logger and never raises.

    A handler's own errors are logging's to handle, but a filter that asks for `flask.request` raises through every
    call made outside a request: it would end the poller's thread, and with it every later event.

    Args:
        logger: gives the logger when it is needed; Flask configures it at its first use.
    """

    def __init__(self, logger: Callable[[], logging.Logger]) -> None:
        self._logger = logger

    def log(self, level: int, message: str, *args: object, depth: int = 1, **more: Any) -> None:
        """Write a line, as the caller's; with a higher `depth`, as its caller's caller's.

        Each of `args` but integers is made text first: a handler that keeps its records would keep an exception with its
        frames, and a retired producer with them (measured: its threads and sockets stayed). What isn't printable in it
        is escaped: a broker's or a user's line feed would begin a line that looks like another's.
        """
        with suppress(Exception):
            shown = (value if isinstance(value, int) else printable(str(value)) for value in args)
            self._logger().log(level, message, *shown, stacklevel=depth + 1, **more)

    def warning(self, message: str, *args: object, **more: Any) -> None:
        """Write a warning."""
        self.log(logging.WARNING, message, *args, depth=2, **more)

    def error(self, message: str, *args: object, **more: Any) -> None:
        """Write an error."""
        self.log(logging.ERROR, message, *args, depth=2, **more)
