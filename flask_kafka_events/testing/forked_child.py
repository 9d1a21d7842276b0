"""A fork of the test's own process, which works with an app, ends as a server's worker does, and tells its ledger."""

import multiprocessing
import os
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Generic, TypeVar

from flask import Flask

from flask_kafka_events.app_events import AppEvents
from flask_kafka_events.errors import FaultError
from flask_kafka_events.extension import KafkaEvents
from flask_kafka_events.ledger import Stats

T = TypeVar("T")


class ForkedChild(Generic[T]):
    """A child that `faults.fork` made.

    Attributes:
        pid: its process.

    .. versionadded:: 0.1
    """

    def __init__(self, app: Flask, work: Callable[[], T]) -> None:
        events = KafkaEvents().for_app(app)
        if not hasattr(os, "fork"):
            raise FaultError(
                "faults.fork: this platform can't fork, so no server forks the app there either."
            )
        context = multiprocessing.get_context("fork")
        self._hears, says = context.Pipe(duplex=False)
        self._process = context.Process(target=_live, args=(work, events, says), name="faults.fork")
        with says, warnings.catch_warnings():
            # Python 3.12 and later warn that this process has threads: that is the fault that was ordered.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        self.pid = self._process.pid
        self._end: tuple[T, Stats] | None = None

    def __enter__(self) -> "ForkedChild[T]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()  # nothing, where it has ended
        self._process.join()
        self._process.close()
        self._hears.close()

    @property
    def result(self) -> T:
        """What the work returned."""
        return self._ended()[0]

    @property
    def stats(self) -> Stats:
        """What became of the child's own events by its end."""
        return self._ended()[1]

    def wait(self, timeout: float) -> None:
        """Wait for the child's end, at most `timeout` seconds.

        Raises:
            FaultError: its work raised, or it died, or isn't at its end yet.
        """
        if not self._hears.poll(timeout):
            raise FaultError(
                f"faults.fork: the child (process {self.pid}) wasn't at its end {timeout:g} s after the block, and is "
                f"killed. Does it wait for a lock that another thread held at the fork? A higher wait= gives it more time."
            )
        try:
            error, result, counts = self._hears.recv()
        except EOFError:
            self._process.join()
            raise FaultError(
                f"faults.fork: the child (process {self.pid}) died before it had told its end, with exit code "
                f"{self._process.exitcode}."
            ) from None
        self._process.join(timeout)  # a thread that it has started and never ended may keep it
        if error:
            raise FaultError(f"faults.fork: the child (process {self.pid}) raised:\n\n{error}")
        self._end = result, Stats(**counts)

    def _ended(self) -> tuple[T, Stats]:
        if self._end is None:
            raise FaultError(
                "faults.fork: the child is still at work. Ask for its result and stats after the block."
            )
        return self._end


def _live(work: Callable[[], object], events: AppEvents, says: Connection) -> None:
    error, result = "", None
    try:
        result = work()
    except BaseException:  # noqa: BLE001 - pytest's own failures are no Exception, and the parent tells any of them
        error = traceback.format_exc()
    events.close()
    counts = events.stats().as_dict()  # for its mappings are read-only views, which can't be pickled
    try:
        says.send((error, result, counts))
    except Exception:  # noqa: BLE001 - a result that can't be pickled may raise anything
        says.send((traceback.format_exc(), None, counts))
