"""Another file for a source whose own is damaged, gone from its place, or another process's by now."""

from collections.abc import Callable

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Admission
from flask_kafka_events.delivery.letters import DeadLetters
from flask_kafka_events.delivery.shipment import JOURNAL_DAMAGED
from flask_kafka_events.delivery.source import Source
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.owned import OwnedJournal
from flask_kafka_events.ledger import Ledger


class Mending:
    """Looks after the files of a process's sources; used by the poller alone.

    Args:
        directory: where the files are.
        ledger: the process's.
        log: the app's.
        admission: bounds what waits in the files.
        letters: what is dead in them.
        tell: told what keeps a file from being mended.
    """

    def __init__(
        self,
        *,
        directory: JournalDirectory,
        ledger: Ledger,
        log: AppLog,
        admission: Admission,
        letters: DeadLetters,
        tell: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._log = log
        self._admission = admission
        self._letters = letters
        self._tell = tell

    def mend(self, source: Source) -> None:
        """Give a source whose file is damaged, or gone from its place, another one with all that can be read."""
        if source.trouble.damage is None and source.owned.file.is_in_place():
            return
        old = source.owned
        try:
            with source.mending():
                self._replace(source)
        except (JournalError, OSError) as error:
            self._tell(str(error))
            return
        text = "Journal %s was damaged, moved or deleted while in use; %s goes on."
        self._log.error(text, old.file.path, source.owned.file.path)

    def _replace(self, source: Source) -> None:
        lacking = source.swap(self._replacement(source.owned, source.trouble.damage))
        for each in lacking:
            self._admission.leave(each.topic, each.size, events=each.records)
        lost = sum(each.records for each in lacking)
        if lost:
            self._ledger.fail(JOURNAL_DAMAGED.reason, lost)
            self._log.error("%d event(s) lost (journal_damaged) with what could not be read.", lost)
        for waiter in source.bereaved():
            waiter.set_result(JOURNAL_DAMAGED)
        self._letters.forget_lost(source)

    def _replacement(self, old: OwnedJournal, damage: str | None) -> OwnedJournal:
        if damage is not None:
            old.file.close()
            return self._directory.rescue(old.file.path, old.claim, damage)
        new = self._directory.copy(old.file)
        old.file.close()
        old.claim.release(remove=True)
        return new
