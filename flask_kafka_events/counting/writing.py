"""Writes one process's counter file, by and by, off every request's way."""

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.counting.layout import Counters, encode
from flask_kafka_events.counting.place import DRAFT, LOCK, Place
from flask_kafka_events.errors import KafkaEventsError
from flask_kafka_events.journal.claim import Claim, take
from flask_kafka_events.journal.long_work import DoLong, at_once
from flask_kafka_events.ledger import Ledger, Stats
from flask_kafka_events.log_line import Line
from flask_kafka_events.printable import printable
from flask_kafka_events.reminders import Reminders

#: Seconds between two writes of figures that change.
INTERVAL: Final = 1.0
#: Seconds after which figures that don't change are written again: a process that doesn't is stuck.
HEARTBEAT: Final = 30.0
#: Seconds before another attempt where the file can't be written.
RETRY: Final = 10.0
#: Writes at once of what is lost after the end; then one a second.
LATE: Final = 64
#: Processes that ended whose files are kept.
KEPT: Final = 32

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class CounterFile:
    """One process's file. `write_due` is the poller's, the others are anybody's.

    Args:
        app_name: the app's.
        ledger: the process's.
        place: gives the directory, which may take a moment.
        log: the app's.
        do_long: writes, for that may take a moment (0.2 ms in the median and 11 at most, of 3,000 on a busy disk).
        clock: tells seconds.
    """

    def __init__(
        self,
        *,
        app_name: str,
        ledger: Ledger,
        place: Callable[[], Place],
        log: AppLog,
        do_long: DoLong = at_once,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app_name = app_name
        self._ledger = ledger
        self._find_place = place
        self._reminders = Reminders(log)
        self._turn = threading.Lock()
        self._do_long = do_long
        self._clock = clock
        self._started = _now()
        self._place: Place | None = None
        self._path: Path | None = None
        self._claim: Claim | None = None
        self._written: Stats | None = None
        self._next_write = self._next_heartbeat = -math.inf
        self._is_closed = False
        self._late = 0

    def write_due(self) -> None:
        """Write the figures, if it is time for it and they are others than last time."""
        now = self._clock()
        if now < self._next_write or self._is_closed:  # a poller that hung may come to itself after the end
            return
        self._next_write = now + INTERVAL
        stats = self._ledger.read()
        if stats != self._written or now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT
            if not self._write(stats, self._do_long):
                self._next_write = now + RETRY

    def finish(self) -> None:
        """Write the last figures, and let go of the file; again, where there are others after all."""
        self._is_closed = True
        stats = self._ledger.read()
        if self._path is None and stats.emitted + stats.adopted == 0:
            return
        self._write(stats, at_once, is_closed=True)
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release(remove=True)

    def finish_again(self) -> None:
        """After `finish`, write what was lost since: there is no poller for it, and the process may live on for long."""
        now = self._clock()
        if self._is_closed and (self._late < LATE or now >= self._next_write):
            self._late += 1
            self._next_write = now + INTERVAL
            self.finish()

    def _write(self, stats: Stats, do_long: DoLong, *, is_closed: bool = False) -> bool:
        # Nobody waits here for a turn: a signal handler may run in gevent's hub, and interrupts whoever has it.
        if not self._turn.acquire(blocking=False):
            return False
        try:
            do_long(partial(self._put, encode(self._counters(stats, is_closed=is_closed))))
            self._written = stats
        except (OSError, KafkaEventsError) as error:
            text = "The counters for `flask kafka-events stats` can't be written: %s. Correct that; nothing else needs them."
            self._reminders.warn("counters", text, error, line=Line("counters_unwritten"))
            return False
        finally:
            self._turn.release()
        return True

    def _put(self, content: bytes) -> None:
        replace(self._own_path(), content)

    def _own_path(self) -> Path:
        place = self._place = self._place or self._find_place()
        place.make()
        if self._path is None:
            self._path = place.new_file()
            self._claim = take(self._path.with_suffix(LOCK), create=True)
            place.clear(kept=KEPT)
        elif self._claim is not None and not self._claim.is_in_place():
            self._claim.is_lost()  # which makes it again: without one, this process would be taken for dead
        return self._path

    def _counters(self, stats: Stats, *, is_closed: bool) -> Counters:
        boot = ""
        with suppress(OSError):
            boot = _BOOT.read_text().strip()
        return Counters(
            app=printable(self._app_name),  # which may hold what UTF-8 can't
            pid=os.getpid(),
            host=socket.gethostname(),
            boot=boot,
            started=self._started,
            written=_now(),
            is_closed=is_closed,
            stats=stats,
        )


def replace(path: Path, content: bytes) -> None:
    """Put this content in the place of what a file holds, at once.

    Not synced: after a power loss the file may be empty, and is told as damaged.

    Raises:
        OSError: it can't be written; it is as it was.
    """
    draft = path.with_suffix(DRAFT)
    try:
        # New, for what lies there may be a pipe, which is never waited for; and all of it, for a disk may take a part.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _now() -> datetime:
    return datetime.now(timezone.utc)
