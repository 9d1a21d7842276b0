"""What a journal's insert takes: eight threads at a rate that keeps the GIL busy, and as fast as they can with fsync.

Beside it what it could be at best: a bare insert by SQLite, a copy into a mapped file, an emit without any journal.
"""

from __future__ import annotations

import itertools
import mmap
import os
import sqlite3
import statistics
import tempfile
import threading
import time
import zlib
from contextlib import ExitStack
from struct import Struct
from typing import TYPE_CHECKING, Final

from benchmarks.sheets import Sheet
from benchmarks.shops import extended
from flask_kafka_events import KafkaEvents
from flask_kafka_events.journal.layout import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

THREADS: Final = 8
#: Of Python before each insert, in seconds: 5,000 of them are half of a second.
_BUSY: Final = 100e-6
_DATA: Final = {"player": "ana", "color": "red", "price": 12, "note": "x" * 200}
_INSERT: Final = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
#: What the journal writes of such an event, but for its place.
_ROW: Final = ("01a213b6-cad4-770b-8bed-5cc9ee8293b2", "bought", "bench", b"ana", b"x" * 600, b"x" * 60, 700)
#: As much, as one would write it into a mapped file: length, checksum, bytes.
_BYTES: Final = b"x" * 720
_HEAD: Final = Struct("<II")
_SEGMENT: Final = 64 * 1024 * 1024


def latencies(servers: str, *, rate: int, rounds: int, seconds: float) -> dict[str, Sheet]:
    """Milliseconds of an insert, at so many a second from all threads together.

    Sheets: p50, p99 and p99.9 of each round, and the rate that was kept.
    """
    with ExitStack() as stack:
        variants = _variants(stack, servers, sync="process")
        variants["mapped file alone"] = _mapped(stack)
        variants["no journal"] = _emitting(stack.enter_context(extended(servers)))
        sheets = {
            name: Sheet(unit="ms", figures={each: [] for each in variants})
            for name in ("p50", "p99", "p99.9")
        }
        rates = Sheet(unit="1/s", figures={each: [] for each in variants})
        for _ in range(rounds):
            for name, insert in variants.items():
                found = _paced(insert, rate / THREADS, seconds)
                cuts = statistics.quantiles(found, n=1000)
                for sheet, cut in zip(sheets.values(), (cuts[499], cuts[989], cuts[998]), strict=True):
                    sheet.figures[name].append(1000 * cut)
                rates.figures[name].append(len(found) / seconds)
    return {**sheets, "rate": rates}


def power(servers: str, *, rounds: int, seconds: float) -> Sheet:
    """Inserts a second that are on the disk when they return: with one fsync each, and as the journal shares them."""
    with ExitStack() as stack:
        variants = _variants(stack, servers, sync="power")
        sheet = Sheet(unit="1/s", figures={name: [] for name in variants})
        for _ in range(rounds):
            for name, insert in variants.items():
                sheet.figures[name].append(len(_paced(insert, float("inf"), seconds)) / seconds)
    return sheet


def _variants(stack: ExitStack, servers: str, *, sync: str) -> dict[str, Callable[[], object]]:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    app = stack.enter_context(extended(servers, JOURNAL=f"{folder}/journal", JOURNAL_SYNC=sync))
    return {"SQLite alone": _alone(f"{folder}/alone.db", sync), "journal": _emitting(app)}


def _alone(path: str, sync: str) -> Callable[[], object]:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {'FULL' if sync == 'power' else 'NORMAL'}")
    db.executescript(MIGRATIONS[0])
    lock, places = threading.Lock(), itertools.count(1)

    def insert() -> None:
        with lock:
            db.execute(_INSERT, (next(places), *_ROW))

    return insert


def _mapped(stack: ExitStack) -> Callable[[], object]:
    """A copy of a record into a file that lies in memory: no system call, and Python's lock is kept."""
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, _SEGMENT)
        segment = stack.enter_context(mmap.mmap(file.fileno(), _SEGMENT))
    length = _HEAD.size + len(_BYTES)
    lock, places = threading.Lock(), itertools.cycle(range(0, _SEGMENT - length, length))

    def insert() -> None:
        with lock:
            place = next(places)
            segment[place + _HEAD.size : place + length] = _BYTES
            _HEAD.pack_into(segment, place, len(_BYTES), zlib.crc32(_BYTES))

    return insert


def _emitting(app: Flask) -> Callable[[], object]:
    mine = KafkaEvents().for_app(app)
    return lambda: mine.emit("bought", _DATA, key="ana")


def _paced(insert: Callable[[], object], rate: float, seconds: float) -> list[float]:
    """Seconds of each insert, from all threads."""
    found: list[list[float]] = [[] for _ in range(THREADS)]
    loops = _loops_of(_BUSY)
    end = time.perf_counter() + seconds

    def work(mine: list[float]) -> None:
        due = time.perf_counter()
        while (now := time.perf_counter()) < end:
            if rate != float("inf"):
                due += 1 / rate
                time.sleep(max(0.0, due - now))
                _burn(loops)
            began = time.perf_counter()
            insert()
            mine.append(time.perf_counter() - began)

    pool = [threading.Thread(target=work, args=(each,)) for each in found]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    return [figure for each in found for figure in each]


def _burn(loops: int) -> None:
    for _ in range(loops):
        pass


def _loops_of(seconds: float) -> int:
    """How many loops take so long where nobody else has the GIL."""
    many = 1_000_000
    began = time.thread_time()
    _burn(many)
    return int(many * seconds / (time.thread_time() - began))
