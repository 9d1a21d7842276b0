"""The journal's directory: whether it can be written, how long its disk lasts, and what waits in it for a person."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.doctor.serving import Serving
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.inventory import Holding, holdings
from flask_kafka_events.journal_rules import file_system_of
from flask_kafka_events.settings import Settings

DIRECTORY: Final = Check(
    name="journal-directory",
    severity="error",
    finds="A journal directory that this user can't make, write or read: events wait in memory alone. (Run doctor as the "
    "app's own user.)",
    next_step="Let the app's user write there, or name another directory in KAFKA_EVENTS_JOURNAL.",
)
SPACE: Final = Check(
    name="journal-space",
    severity="warning",
    finds="Less room on the disk than `JOURNAL_MAX_BYTES` times the workers, with what is in the directory taken off.",
    next_step="Make room, or lower KAFKA_EVENTS_JOURNAL_MAX_BYTES.",
)
VOLATILE: Final = Check(
    name="journal-volatile",
    severity="warning",
    finds="A journal on a file system that is in memory (tmpfs): what waits in it is gone with the machine or the container.",
    next_step="Name a directory on a local disk in KAFKA_EVENTS_JOURNAL.",
)
LEFT: Final = Check(
    name="journal-left",
    severity="warning",
    finds="Events that a dead process left and no living one has taken over.",
    next_step="Start the app, whose first emit takes them over, or run `flask kafka-events journal replay`.",
)
DEAD_LETTERS: Final = Check(
    name="journal-dead-letters",
    severity="warning",
    finds="Events that the broker refused for good.",
    next_step="`flask kafka-events journal dead ls` says why; then `journal dead retry` or `journal dead drop`.",
)
DAMAGED: Final = Check(
    name="journal-damaged",
    severity="warning",
    finds="A journal file that can't be read, or that was set aside as damaged.",
    next_step="Keep a copy if you want to look into it, and check the disk; what could be read of it was sent.",
)

CHECKS: Final = (DIRECTORY, SPACE, VOLATILE, LEFT, DEAD_LETTERS, DAMAGED)

_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})
_WHERE: Final = "KAFKA_EVENTS_JOURNAL"


def check_journal(directory: JournalDirectory, settings: Settings, serving: Serving) -> Iterator[Finding]:
    """What is wrong with an app's directory; nothing is made or changed in it."""
    nearest = next(each for each in (directory.path, *directory.path.parents) if os.access(each, os.F_OK))
    why = _why_unusable(directory, nearest)
    if why:
        yield DIRECTORY.found(why, where=_WHERE)
        return
    try:
        found = list(holdings(directory))
    except OSError as error:
        yield DIRECTORY.found(f"{error.filename}: {error.strerror}.", where=_WHERE)
        return
    kind = file_system_of(nearest)
    if kind in _VOLATILE:
        yield VOLATILE.found(
            f"{directory.path} is on {kind}, in memory.",
            where=_WHERE,
            severity="error" if settings.journal_sync == "power" else None,
        )
    used = sum(holding.size for holding in found)
    need, free = serving.workers * settings.journal_max_bytes - used, shutil.disk_usage(nearest).free
    if need > free:
        problem = f"{serving.workers} worker(s) may need {need / 2**20:,.0f} MiB more in {directory.path}; {free / 2**20:,.0f} MiB are free."
        yield SPACE.found(problem, where=_WHERE)
    for holding in found:
        yield from _holding(holding)


def _why_unusable(directory: JournalDirectory, nearest: Path) -> str:
    try:
        directory.check_owner()
    except FileNotFoundError:
        pass
    except JournalError as error:
        return str(error)
    except OSError as error:
        return f"{directory.path}: {error.strerror}."
    rights = os.R_OK | os.W_OK | os.X_OK
    if not os.access(nearest, rights, effective_ids=os.access in os.supports_effective_ids):
        return f"This user may not read and write in {nearest}."
    return ""


def _holding(holding: Holding) -> Iterator[Finding]:
    where = str(holding.path)
    if holding.trouble:
        yield DAMAGED.found(holding.trouble, where=where, next_step="Do what it says, and check the disk.")
    elif holding.state == "damaged":
        yield DAMAGED.found(f"{holding.path.name} was set aside as damaged.", where=where)
    if holding.state == "left" and holding.waiting:
        yield LEFT.found(f"{holding.waiting} event(s) wait, and no living process has them.", where=where)
    if holding.dead:
        yield DEAD_LETTERS.found(f"{holding.dead} event(s) were refused for good.", where=where)
