"""Where an app's counter files are: beside what its processes share on this machine anyway."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from flask_kafka_events.app_directory import directory_name, make_private
from flask_kafka_events.event import new_id
from flask_kafka_events.journal.claim import is_taken
from flask_kafka_events.settings import Settings

COUNTERS: Final = ".counters"
#: Locked by the process whose figures are in the file of that name, while it lives.
LOCK: Final = ".lock"
#: What is written, and then renamed: a reader sees all of it or what was there before.
DRAFT: Final = ".draft"
#: Seconds for which nobody clears away a lock without figures.
YOUNG: Final = 60.0


class Place(msgspec.Struct, frozen=True):
    """A directory of counter files.

    Attributes:
        folder: it; made by the first process that writes there.
    """

    folder: Path

    def make(self) -> None:
        """Make the directory, for this user alone.

        Raises:
            OSError: it can't be made, or is another user's.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        make_private(self.folder)

    def new_file(self) -> Path:
        """A path for one process's file; those of later processes come behind it."""
        return self.folder / f"{new_id()}{COUNTERS}"

    def files(self) -> list[Path]:
        """All files with figures, oldest process first."""
        return sorted(self.folder.glob(f"*{COUNTERS}"))

    def clear(self, *, kept: int) -> None:
        """Remove what processes that ended have left, but for the figures of the last `kept` of them.

        Raises:
            OSError: a file can't be looked at or removed.
        """
        ended = [path for path in self.files() if not is_taken(path.with_suffix(LOCK))]
        for path in [*ended[: max(0, len(ended) - kept)], *self._without_figures()]:
            for suffix in (COUNTERS, DRAFT, LOCK):
                path.with_suffix(suffix).unlink(missing_ok=True)

    def _without_figures(self) -> Iterator[Path]:
        for path in self.folder.glob(f"*{LOCK}"):
            # A young one may be about to be locked by whoever has made it.
            is_old = time.time() - path.stat().st_mtime > YOUNG
            if is_old and not path.with_suffix(COUNTERS).exists() and not is_taken(path):
                yield path


def place_of(settings: Settings, app_name: str, instance: Path) -> Place:
    """The app's: beside its journal where it has one, else beside the embedded broker's file.

    Args:
        settings: the app's.
        app_name: the app's.
        instance: where the embedded broker leaves its address.

    Raises:
        EmbeddedBrokerError: there is no directory for that.
    """
    folder = os.path.realpath(settings.journal) if settings.journal is not None else _meeting_place(instance)
    # A dot isn't in the name of any app's own directory.
    return Place(Path(folder, f"{directory_name(app_name)}{COUNTERS}"))


def _meeting_place(instance: Path) -> Path:
    from flask_kafka_events.embedded.rendezvous import meeting_place

    return meeting_place(instance).folder
