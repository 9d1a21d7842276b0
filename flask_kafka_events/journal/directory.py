"""The directory of an app's journal files: makes one for a process, and hands those of dead processes to one living."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from flask_kafka_events.app_directory import directory_name
from flask_kafka_events.app_log import AppLog
from flask_kafka_events.errors import JournalCorrupt, JournalError, JournalInUse
from flask_kafka_events.event import new_id
from flask_kafka_events.journal.claim import Claim, is_inherited, take
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.inherited import own_copy, remove_copies
from flask_kafka_events.journal.layout import shm_of, wal_of
from flask_kafka_events.journal.long_work import DoLong, at_once
from flask_kafka_events.journal.owned import JOURNAL, LOCK, OwnedJournal, adoptable
from flask_kafka_events.journal.reading import explained
from flask_kafka_events.journal.salvage import Salvaged, batches, salvage, set_aside
from flask_kafka_events.journal.slots import all_records, bring_in
from flask_kafka_events.log_line import Line
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.settings import Settings

# What no right and no room on the disk would change: a file above it, a loop of links, a name that is too long.
_NO_DIRECTORY: Final = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG})


class JournalDirectory:
    """One app's directory of journal files; nothing is made before `create`.

    Args:
        root: what `KAFKA_EVENTS_JOURNAL` names. Each app has a directory of its own in it, for another app's process
            must not send this one's events to its own broker.
        app_name: the app's.
        sync: how safe a record is, once written: `"process"` or `"power"`.
        log: where damaged and unreadable files are told.
        do_long: does what takes the longer the larger a dead process's file is.
    """

    def __init__(
        self, root: Path, app_name: str, *, sync: str, log: AppLog, do_long: DoLong = at_once
    ) -> None:
        # One spelling of the path, for what this process holds is known by it.
        self.path = root.resolve() / directory_name(app_name)
        self._sync, self._log, self._do_long = sync, log, do_long
        self._reminders = Reminders(log)

    def create(self) -> OwnedJournal:
        """A new journal file for this process.

        Raises:
            JournalError: the directory or the file can't be made, or others could read it.
        """
        try:
            self._make()
            path = self.path / f"{new_id()}{JOURNAL}"
            # The lock comes first: a journal file without one is an orphan's.
            claim = take(path.with_suffix(LOCK), create=True)
            assert claim is not None  # noqa: S101 - nobody else knows a new id
            return self._made(path, claim)
        except OSError as error:
            raise JournalError(
                f"Journal directory {self.path} can't be used: {error.strerror}. {_next_step(error)}"
            ) from None

    def orphans(self) -> Iterator[OwnedJournal]:
        """Take the files that nobody owns any more and that hold records, oldest first; each goes to one taker."""
        for path in self.files(JOURNAL):
            owned = self.adopt(path)
            if owned is not None and self._holds_any(owned):
                yield owned

    def adopt(self, path: Path) -> OwnedJournal | None:
        """Take one file; None where a living process has it, or where it can't be read, which is told."""
        try:
            return self.take(path)
        except JournalInUse:
            return None
        except JournalError as error:  # too new, no rights: left for whoever can
            self._reminders.warn(path, "%s", error, line=Line("journal_trouble"))
            return None

    def _holds_any(self, owned: OwnedJournal) -> bool:
        try:
            if self._do_long(owned.file.count):
                return True
            self._do_long(owned.give_up)
        except (JournalError, OSError) as error:
            owned.leave()
            self._reminders.warn(owned.file.path, "%s", error, line=Line("journal_trouble"))
        return False

    def take(self, path: Path, *, to_send: bool = False) -> OwnedJournal:
        """Take one file that nobody owns; of a damaged one, a new file with what can be read of it.

        Args:
            path: the file's.
            to_send: whether what it holds is to be adopted later: one of dead letters alone is renamed first, for nobody
                adopts those.

        Raises:
            JournalInUse: a living process has it, or has just finished and removed it.
            JournalError: it can't be read or moved; it is left as it is.
        """
        claim = self._claim(path)
        try:
            with explained(path):
                return self._taken(adoptable(path) if to_send else path, claim)
        except JournalError:
            claim.release()
            raise

    def _claim(self, path: Path) -> Claim:
        with explained(path):
            claim = take(path.with_suffix(LOCK), create=True)
        if claim is not None and path.exists():
            return claim
        if claim is not None:
            claim.release(remove=True)
        raise JournalInUse(
            f"Journal {path} is in use by a living process, or was until now: that one sends what is in it."
        )

    def _taken(self, path: Path, claim: Claim) -> OwnedJournal:
        try:
            _refuse_links(path)
            return self._do_long(partial(self._sound, path, claim))
        except JournalCorrupt as error:
            return self.rescue(path, claim, str(error))

    def rescue(self, path: Path, claim: Claim, damage: str) -> OwnedJournal:
        """Copy what can be read of a damaged file into a new one, and set it aside, whole.

        Raises:
            JournalError: there is no room for it, for example; nothing is changed.
        """
        owned, copied, aside = self._do_long(partial(self._salvaged, path))
        text = "%s It was set aside as %s; %d event(s) in it could be read and are sent, %d dead letter(s) are kept."
        line = Line("journal_damaged", count=copied.records, about=str(aside))
        self._log.error(text, damage, aside, copied.records, copied.dead, line=line)
        claim.release(remove=True)
        return owned

    def copy(self, file: JournalFile) -> OwnedJournal:
        """A new file with all that another, open one holds."""
        return self._do_long(partial(self._copied, file))

    def _salvaged(self, path: Path) -> tuple[OwnedJournal, Salvaged, Path]:
        with self._filling() as owned:
            return owned, salvage(path, owned.file), set_aside(path)

    def _copied(self, file: JournalFile) -> OwnedJournal:
        with self._filling() as owned:
            for batch in batches(all_records(file)):
                owned.file.append(batch)
            for letters in batches(file.dead_letters()):
                owned.file.bury(letters)
        return owned

    def files(self, suffix: str) -> list[Path]:
        """The app's files of one kind, oldest first."""
        return sorted(self.path.glob(f"*{suffix}"))

    def _sound(self, path: Path, claim: Claim) -> OwnedJournal:
        remove_copies(path)
        file = JournalFile(own_copy(path) if is_inherited(claim.path) else path, sync=self._sync)
        try:
            file.check()
            bring_in(file)
        except JournalError:
            file.close()
            raise
        return OwnedJournal(file=file, claim=claim)

    def _made(self, path: Path, claim: Claim) -> OwnedJournal:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            return OwnedJournal(file=JournalFile(path, sync=self._sync), claim=claim)
        except (JournalError, OSError):
            for each in (path, wal_of(path), shm_of(path)):
                with suppress(OSError):
                    each.unlink()
            claim.release(remove=True)
            raise

    @contextmanager
    def _filling(self) -> Iterator[OwnedJournal]:
        """A new file, removed again where it can't be filled to the end: half of it would be adopted, and sent twice."""
        owned = self.create()
        try:
            yield owned
        except (JournalError, OSError):
            owned.file.remove()
            owned.claim.release(remove=True)
            raise

    def check_owner(self) -> None:
        """Make sure that the directory is one, and this process's user's.

        Raises:
            JournalError: it is a link, or another user's, who couldn't use what this one makes there.
            OSError: it isn't there.
        """
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise JournalError(
                f"Journal directory {self.path} is a link or another user's. Use it as that user, remove it, or name "
                f"another in KAFKA_EVENTS_JOURNAL."
            )

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check_owner()
        if stat.S_IMODE(self.path.stat().st_mode) != stat.S_IRWXU:
            self.path.chmod(stat.S_IRWXU)
        if self._sync == "power":
            # What SQLite syncs is the file and the directory it is in.
            _sync(self.path.parent)


def directory_of(settings: Settings, app_name: str, log: AppLog) -> JournalDirectory | None:
    """The app's; None where `KAFKA_EVENTS_JOURNAL` isn't set."""
    if settings.journal is None:
        return None
    return JournalDirectory(settings.journal, app_name, sync=settings.journal_sync, log=log)


def _next_step(error: OSError) -> str:
    if error.errno in _NO_DIRECTORY:
        return "There can't be a directory of that path: name another in KAFKA_EVENTS_JOURNAL."
    return "Let the app's user write there, or make room on the disk."


def _refuse_links(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise JournalError(f"Journal {path} is no file but a link or the like. Remove it.")


def _sync(directory: Path) -> None:
    """Have a directory's entries survive a power loss."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
