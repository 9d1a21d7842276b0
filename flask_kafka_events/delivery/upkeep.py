"""What a journal file needs now and then, so that it and its log stay small."""

from contextlib import AbstractContextManager
from typing import Any, Final

from flask_kafka_events.greenlets import is_patched
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.long_work import DoLong

#: Bytes of SQLite's write-ahead log beyond which a checkpoint is due: SQLite makes its own at a thousand pages, which are as many.
WAL_BYTES: Final = 4 * 1024 * 1024


def prepare(file: JournalFile) -> None:
    """Under gevent, leave the log to `tidy`: SQLite would bring it into the file in the hub.

    Raises:
        JournalError: the file can't be used.
    """
    if is_patched():
        file.leave_checkpoints()


def tidy(file: JournalFile, do_long: DoLong, *, nobody_writes: AbstractContextManager[Any]) -> None:
    """Give the disk back what is free, by and by, and under gevent bring the log into the file, if it is long.

    Args:
        file: whose.
        do_long: does what may take long; others write to the file meanwhile.
        nobody_writes: a lock that is held by whoever adds to the file.

    Raises:
        JournalError: the file can't be written.
    """
    if file.shrink():
        do_long(file.checkpoint)
    if is_patched() and file.wal_size() > WAL_BYTES:
        do_long(file.checkpoint)
        # Again, for what came meanwhile: the log begins anew only once all of it is in the file.
        with nobody_writes:
            do_long(file.checkpoint)
