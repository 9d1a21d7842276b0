"""The end of the server, told to the streams that are open: a server that ends waits for its requests."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol
from weakref import WeakSet

#: By which a server ends its workers, and a person a server.
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Ending(Protocol):
    """What is told of the end."""

    def end_soon(self) -> None:
        """End; called in a signal handler, so it may wait for nothing."""


def tell_of_the_end(ending: Ending) -> None:
    """Have it told as soon as the server is told to end, where the server handles that itself.

    Handlers can be set in the main thread alone: elsewhere this does nothing, and a stream ends with its time.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for signum in _SIGNALS:
        handler = signal.getsignal(signum)
        if isinstance(handler, _Told):
            handler.endings.add(ending)
        elif callable(handler) and handler is not signal.default_int_handler:
            signal.signal(signum, _Told(handler, ending))


class _Told:
    """A server's own handler, before which the streams are told."""

    def __init__(self, handler: Callable[[int, FrameType | None], object], ending: Ending) -> None:
        self._handler = handler
        self.endings = WeakSet([ending])

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        for ending in list(self.endings):
            ending.end_soon()
        self._handler(signum, frame)
