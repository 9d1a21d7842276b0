"""Reads the counter files of an app: of its living processes, and of the last ones that ended."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from flask_kafka_events.counting.layout import Counters, CountersUnreadable, decode
from flask_kafka_events.counting.place import LOCK, Place
from flask_kafka_events.journal.claim import is_taken

#: More than any counter file holds.
LARGEST: Final = 65_536

State: TypeAlias = Literal["running", "closed", "killed"]


class ProcessCounters(msgspec.Struct, frozen=True, kw_only=True):
    """One process's figures.

    Attributes:
        state: `running`; `closed`, with its last figures, at its end or before; or `killed`, with those of its last second or of the one before.
        counters: what it wrote.
    """

    state: State
    counters: Counters


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can't be read.

    Attributes:
        path: where it is.
        why: what is wrong with it, in a sentence.
    """

    path: Path
    why: str


def read_counters(place: Place) -> Iterator[ProcessCounters | Unreadable]:
    """Every process's figures, the oldest first; a file that is removed meanwhile is passed over."""
    for path in place.files():
        try:
            yield _read(path)
        except FileNotFoundError:
            continue
        except CountersUnreadable as error:
            yield Unreadable(path=path, why=str(error))
        except OSError as error:
            yield Unreadable(path=path, why=f"It can't be read: {error.strerror}.")


def _read(path: Path) -> ProcessCounters:
    # Before the figures: an owner writes its last ones before it lets go of the lock.
    is_alive = is_taken(path.with_suffix(LOCK))
    counters = decode(_content(path))
    if counters.is_closed:
        return ProcessCounters(state="closed", counters=counters)
    return ProcessCounters(state="running" if is_alive else "killed", counters=counters)


def _content(path: Path) -> bytes:
    # Whatever lies there, a pipe say, it isn't waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CountersUnreadable("It is no file.")
        return os.read(descriptor, LARGEST)
    finally:
        os.close(descriptor)
