"""What a directory of journal files holds, without changing any."""

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Literal, TypeAlias

from flask_kafka_events.errors import JournalCorrupt, JournalError
from flask_kafka_events.formats.reading import read_record
from flask_kafka_events.journal.claim import is_taken
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.layout import DeadLetter, Entry
from flask_kafka_events.journal.owned import DEAD, JOURNAL, LOCK
from flask_kafka_events.journal.reading import JournalReader
from flask_kafka_events.journal.salvage import CORRUPT
from flask_kafka_events.journal.slots import entries_beside

State: TypeAlias = Literal["in use", "left", "dead letters", "damaged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """One file of a journal directory.

    Attributes:
        path: where it is.
        state: `in use` by a living process, `left` by a dead one and adopted by the next that emits, `dead letters` that
            nobody sends, or `damaged`, set aside after what could be read of it was copied.
        waiting: events that wait in it; 0 where they can't be counted.
        dead: dead letters in it.
        oldest: when the oldest event in it happened, waiting or dead; None where there is none that can be read as one.
        size: bytes on disk.
        trouble: why it can't be read; empty where it can.
    """

    path: Path
    state: State
    waiting: int = 0
    dead: int = 0
    oldest: datetime | None = None
    size: int = 0
    trouble: str = ""


def holdings(directory: JournalDirectory) -> Iterator[Holding]:
    """Every file of the directory, those in use too; one whose owner removes it meanwhile is passed over.

    Raises:
        OSError: a lock can't be looked at.
    """
    for path in directory.files(JOURNAL):
        yield from _counted(path, "in use" if is_taken(path.with_suffix(LOCK)) else "left")
    for path in directory.files(DEAD):
        yield from _counted(path, "dead letters")
    for path in directory.files(CORRUPT):
        yield Holding(path=path, state="damaged", size=_size(path))


def dead_letters(directory: JournalDirectory) -> Iterator[tuple[Path, DeadLetter]]:
    """Every dead letter in the directory, with the file it is in; a file that goes meanwhile is passed over.

    Raises:
        JournalError: a file can't be read.
    """
    for path in (*directory.files(JOURNAL), *directory.files(DEAD)):
        try:
            with closing(JournalReader(path)) as file:
                for letter in file.dead_letters():
                    yield path, letter
        except JournalError:
            if path.exists():
                raise


def _counted(path: Path, state: State) -> list[Holding]:
    size = _size(path)
    try:
        with closing(JournalReader(path)) as file:
            return [_holding(file, state, size)]
    except JournalCorrupt as error:
        return [Holding(path=path, state=state, size=size, trouble=f"{error} {_next_step(path, state)}")]
    except JournalError as error:
        return [Holding(path=path, state=state, size=size, trouble=str(error))] if path.exists() else []


def _holding(file: JournalReader, state: State, size: int) -> Holding:
    in_slots = entries_beside(file)
    return Holding(
        path=file.path,
        state=state,
        waiting=file.count() + len(in_slots),
        dead=file.count_dead(),
        oldest=_oldest(file, in_slots[:1]),
        size=size,
    )


def _oldest(file: JournalReader, in_slots: list[Entry]) -> datetime | None:
    try:
        first = file.first()
    except JournalCorrupt:  # what can be counted is shown all the same
        return None
    found = [*in_slots, *([] if first is None else [first])]
    entry = min(found, key=attrgetter("seq"), default=None)
    event = None if entry is None else read_record(entry.record)
    return None if event is None else event.time


def _next_step(path: Path, state: State) -> str:
    """What a person does about a damaged file."""
    if state == "in use":
        return "Its owner copies what can be read of it."
    who = f"Rename it to {path.with_suffix(JOURNAL).name}: then the" if state == "dead letters" else "The"
    return f"{who} next process that emits, or `flask kafka-events journal replay`, copies what can be read of it."


def _size(path: Path) -> int:
    """With what SQLite keeps beside it."""
    found = 0
    for each in path.parent.glob(f"{path.name}*"):
        with suppress(FileNotFoundError):  # its owner has just finished
            found += each.stat().st_size
    return found
