"""The end of a process: every producer in it is closed, within one deadline for all of them.

This holds the package's only state outside an app: a process has one exit, however many apps it has.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Final, Protocol
from weakref import ref

import msgspec

from flask_kafka_events.delivery import native


class Closing(Protocol):
    """What is to be closed before the process ends, step by step, so that all of them share one deadline."""

    pid: int
    close_seconds: float

    def hurry(self) -> None:
        """Begin to send everything now, without waiting for it."""

    def wait_for_earlier(self, timeout: float) -> None:
        """Wait until what was emitted before this call is settled."""

    def refuse_later(self) -> None:
        """Drop what is emitted from now on."""

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is held; False if something still is."""

    def begin_to_stop(self) -> None:
        """Begin to count what is left as dropped."""

    def stop(self, timeout: float) -> bool:
        """Wait until that is done; False if it isn't."""

    def tell_losses(self) -> None:
        """Write every line to the log that is owed to it."""


#: Seconds beyond `KAFKA_EVENTS_CLOSE_SECONDS` in which all pollers together count what they couldn't send.
STOP_SECONDS: Final = 0.5

#: Seconds for it after SIGABRT: gunicorn sends it to a worker that hangs, and SIGKILL about a second later.
ABORT_SECONDS: Final = 0.5

# The processes that got SIGABRT: this one, or one that it was forked from.
_aborted: set[int] = set()

# A list and not a WeakSet: appending, removing and copying are atomic, and a thread may start a producer while the process ends.
_started: "list[ref[Closing]]" = []


def close_at_exit(closing: Closing) -> None:
    """Have `closing` closed when this process ends."""
    # At the first use and not at import. Last registered is first called: before logging's own handler.
    if not _started:
        atexit.register(close_all)
    if not _ours():
        _close_as_multiprocessing_does()
        _close_as_celery_does()
    _close_soon_when_aborted()
    _started.append(ref(closing))
    # One by one, for another thread may append meanwhile; after that, so that the list is never empty again.
    for each in _started[:]:
        if each() is None:
            with suppress(ValueError):  # another thread was faster
                _started.remove(each)


def close_all() -> None:
    """Close every producer of this process; the longest `KAFKA_EVENTS_CLOSE_SECONDS` bounds all of them together."""
    ours = _ours()
    seconds = max((each.close_seconds for each in ours), default=0.0)
    close_together(ours, min(seconds, ABORT_SECONDS) if os.getpid() in _aborted else seconds)


def close_together(closings: Sequence[Closing], timeout: float) -> bool:
    """Close these step by step, so that they share `timeout` seconds; False if anything was dropped, or is left."""
    deadline = time.monotonic() + timeout
    results: list[object] = []
    steps: tuple[Callable[[Closing], object], ...] = (
        lambda each: each.hurry(),
        lambda each: each.wait_for_earlier(_until(deadline)),
        lambda each: each.refuse_later(),
        lambda each: each.drain(_until(deadline)),
        lambda each: each.begin_to_stop(),
        lambda each: each.stop(_until(deadline + STOP_SECONDS)),
    )
    for step in steps:
        for each in closings:
            with suppress(Exception, SystemExit):  # a receiver's sys.exit() must not keep the others open
                results.append(step(each))
    return False not in results


def _until(moment: float) -> float:
    return max(0.0, moment - time.monotonic())


def _ours() -> list[Closing]:
    # A fork child inherits its parent's entries: those are the parent's to close (in the child they would hang).
    alive = [closing for each in _started[:] if (closing := each()) is not None]
    return [each for each in alive if each.pid == os.getpid()]


def _close_as_multiprocessing_does() -> None:
    # Its children leave by os._exit, past atexit, and run its own finalizers (20 of 20 events were lost without this).
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, close_all, exitpriority=0)


def _close_as_celery_does() -> None:
    # The processes of its prefork pool leave by os._exit too, and tell it by a signal of Celery's (20 of 20 events were
    # lost without this).
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(lambda **_: close_all(), weak=False, dispatch_uid=__name__)


def _close_soon_when_aborted() -> None:
    # Only where a server makes an exit of it, and only in the main thread, where a handler can be set.
    handler = signal.getsignal(signal.SIGABRT)
    if not callable(handler) or isinstance(handler, _Abort):
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGABRT, _Abort(handler))


class _Abort:
    """A server's own handler of SIGABRT, which notes that there is little time."""

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self._handler = handler

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        _aborted.add(os.getpid())
        self._handler(signum, frame)


def close_on_sigterm() -> bool:
    """Where SIGTERM would kill the process at once, close first and let it kill then; returns True if so arranged.

    A server with a handler of its own keeps it: its exit runs `atexit`. uWSGI sets its handlers later and in C.
    """
    if threading.current_thread() is not threading.main_thread() or "uwsgi" in sys.modules:
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    signal.signal(signal.SIGTERM, _CloseThenDie())
    return True


class _Ending(msgspec.Struct):
    """How far one process is with its end by SIGTERM."""

    pid: int
    has_begun: bool = False
    is_closed: bool = False


class _CloseThenDie:
    """A SIGTERM handler that closes everything, restores the default action and sends the signal again."""

    def __init__(self) -> None:
        self._ending = _Ending(os.getpid())

    def __call__(self, signum: int, _frame: FrameType | None) -> None:
        # A fork child inherits what its parent had begun, but not the thread.
        if self._ending.pid != os.getpid():
            self._ending = _Ending(os.getpid())
        if self._ending.is_closed:
            _die(signum)
        elif not self._ending.has_begun:
            self._ending.has_begun = True
            # In a thread of its own: the main thread was interrupted anywhere, and may hold a lock that the poller
            # needs to deliver. Closing here could wait for itself.
            native.start_thread(partial(self._close, signum, native.thread_id()), name="kafka-events-sigterm")

    def _close(self, signum: int, main_thread: int) -> None:
        try:
            close_all()
        finally:
            self._ending.is_closed = True
            # Only the main thread may set a signal's action, so the handler is called once more, there.
            signal.pthread_kill(main_thread, signum)


def _die(signum: int) -> None:
    # Views went on while this process was closed: what they lost is less than a second old, and not told yet.
    for each in _ours():
        each.tell_losses()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    # For the first process of a container the kernel ignores a signal whose action is the default.
    if os.getpid() == 1:
        os._exit(128 + signum)
