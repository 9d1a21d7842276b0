"""Another file for a source whose own is damaged, gone from its place, or another process's by now."""

from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.letters import DeadLetters
from flask_kafka_events.delivery.shipment import JOURNAL_DAMAGED
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.layout import TopicBacklog
from flask_kafka_events.journal.long_work import DoLong
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.ledger import JOURNAL_TAKEN, Ledger
from flask_kafka_events.log_line import Line


class Mending:
    """Looks after the files of a process's sources; used by the poller alone.

    Args:
        directory: where the files are.
        ledger: the process's.
        log: the app's.
        letters: what is dead in them.
        give_back: told what a source has lost, for nothing of that waits any more.
        do_long: does what may take long.
    """

    def __init__(
        self,
        *,
        directory: JournalDirectory,
        ledger: Ledger,
        log: AppLog,
        letters: DeadLetters,
        give_back: Callable[[Source, list[TopicBacklog]], None],
        do_long: DoLong,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._log = log
        self._letters = letters
        self._give_back = give_back
        self._do_long = do_long

    def look_after(self, source: Source) -> None:
        """Mend a source, unless that has failed a moment ago."""
        if source.trouble.may_mend():
            self.mend(source)

    def mend(self, source: Source) -> None:
        """Give a source whose file is damaged, gone from its place or another's another one with all that can be read."""
        try:
            self._mend(source)
        except (JournalError, OSError) as error:
            source.trouble.not_mended(str(error))
        else:
            source.trouble.mended()

    def _mend(self, source: Source) -> None:
        owned = source.owned
        was_locked = owned.claim.is_in_place()
        if not was_locked and owned.claim.is_lost():
            self._leave_to_another(source)
        elif source.trouble.damage is not None or not owned.file.is_in_place():
            self._replace(source)
        elif not was_locked:
            # Who had it meanwhile, and has ended since, may have sent some of it.
            self._count_taken(source.swap(owned), source)
            text = "Lock file %s was deleted while in use, and made again. Let nobody delete files there."
            path = owned.claim.path
            self._log.error(text, path, line=Line("journal_lock_remade", about=str(path)))

    def _leave_to_another(self, source: Source) -> None:
        old = source.owned
        with source.mending():
            lacking = source.swap(self._do_long(self._directory.create))
        self._do_long(old.file.close)
        old.claim.release()
        self._letters.forget_lost(source)
        text = "Journal %s is another process's now, for its lock file was deleted while in use; %s goes on. Let nobody "
        line = Line("journal_replaced", about=str(old.file.path))
        self._log.error(text + "delete files there.", old.file.path, source.owned.file.path, line=line)
        self._count_taken(lacking, source)

    def _replace(self, source: Source) -> None:
        old, damage = source.owned, source.trouble.damage
        with source.mending():
            lacking = source.swap(self._replacement(old, damage))
        letters = self._letters.forget_lost(source)
        text = "Journal %s was damaged, moved or deleted while in use; %s goes on."
        line = Line("journal_replaced", about=str(old.file.path))
        self._log.error(text, old.file.path, source.owned.file.path, line=line)
        if letters:
            text = "%d dead letter(s) lost with what could not be read; they stay counted as dead."
            self._log.error(text, letters, line=Line("dead_letters_lost", count=letters))
        if damage is None:
            self._count_taken(lacking, source)
        else:
            self._count_lost(lacking, source)

    def _replacement(self, old: OwnedJournal, damage: str | None) -> OwnedJournal:
        if damage is not None:
            old.file.close()
            return self._directory.rescue(old.file.path, old.claim, damage)
        new = self._directory.copy(old.file)
        old.file.close()
        old.claim.release(remove=True)
        return new

    def _count_lost(self, lacking: list[TopicBacklog], source: Source) -> None:
        if lost := self._given_back(lacking, source):
            self._ledger.fail(JOURNAL_DAMAGED.reason, lost)
            line = Line("losses", reason=JOURNAL_DAMAGED.reason, count=lost)
            self._log.error(
                "%d event(s) lost (journal_damaged) with what could not be read.", lost, line=line
            )
        for waiter in source.bereaved():
            waiter.set_result(JOURNAL_DAMAGED)

    def _count_taken(self, lacking: list[TopicBacklog], source: Source) -> None:
        if taken := self._given_back(lacking, source):
            self._ledger.hand_over(taken)
            line = Line("handed_over", reason=JOURNAL_TAKEN, count=taken)
            text = "%d event(s) are sent by the process that took them (%s)."
            self._log.error(text, taken, JOURNAL_TAKEN, line=line)
        for waiter in source.bereaved():
            waiter.set_exception(FutureTimeout())  # as for all that another process sends

    def _given_back(self, lacking: list[TopicBacklog], source: Source) -> int:
        self._give_back(source, lacking)
        return sum(each.records for each in lacking)
