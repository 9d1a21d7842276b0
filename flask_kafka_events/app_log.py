"""The app's logger, as this package may use it: whatever the app's filters and handlers raise stays there."""

import logging
from collections.abc import Callable
from contextlib import suppress

import msgspec

from flask_kafka_events.log_line import PREFIX, Line
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

    def log(self, level: int, message: str, *args: object, line: Line, depth: int = 1) -> None:
        """Write a line, as the caller's; with a higher `depth`, as its caller's caller's.

        Each of `args` but integers is made text first: a handler that keeps its records would keep an exception with its
        frames, and a retired producer with them (measured: its threads and sockets stayed). What isn't printable in it
        is escaped: a broker's or a user's line feed would begin a line that looks like another's.

        Args:
            level: `logging`'s.
            message: a template, as `logging` has them.
            args: what stands in it.
            line: what a program finds in the record; escaped likewise.
            depth: whose line it is.
        """
        with suppress(Exception):
            extra = {
                f"{PREFIX}{name}": _shown(value)
                for name, value in msgspec.structs.asdict(line).items()
                if value is not None
            }
            self._logger().log(level, message, *map(_shown, args), stacklevel=depth + 1, extra=extra)

    def warning(self, message: str, *args: object, line: Line) -> None:
        """Write a warning."""
        self.log(logging.WARNING, message, *args, line=line, depth=2)

    def error(self, message: str, *args: object, line: Line) -> None:
        """Write an error."""
        self.log(logging.ERROR, message, *args, line=line, depth=2)


def _shown(value: object) -> int | str:
    return value if isinstance(value, int) else printable(str(value))
