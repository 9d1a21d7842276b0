"""Where an app's records are until their end, and the counters of its processes, by its settings."""

from collections.abc import Callable
from pathlib import Path

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.keeping import Keeping, MemoryKeeping
from flask_kafka_events.journal.long_work import at_once
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.settings import Settings


class Storage:
    """What one process of an app keeps, and where.

    Args:
        app_name: the app's.
        settings: the app's.
        instance: where the embedded broker leaves its address.
        ledger: the process's.
        log: the app's.
    """

    def __init__(
        self, app_name: str, settings: Settings, instance: Path, ledger: Ledger, log: AppLog
    ) -> None:
        self._app_name = app_name
        self._settings = settings
        self._instance = instance
        self._ledger = ledger
        self._log = log
        self._do_long = native.OffHub()
        self.write_counters, self.finish_counters, self.finish_counters_again = self._counters()

    def keeping_before(self, gate: Gate) -> Keeping:
        """What keeps records until they pass a gate: memory alone, or with `KAFKA_EVENTS_JOURNAL` the disk too."""
        settings = self._settings
        if settings.journal is None:
            return MemoryKeeping(settings=settings, gate=gate)
        # Here, for they and SQLite are a quarter of the import, and most apps have no journal.
        from flask_kafka_events.delivery.journaling import JournalKeeping
        from flask_kafka_events.journal.directory import JournalDirectory

        do_long = self._do_long
        directory = JournalDirectory(
            settings.journal, self._app_name, sync=settings.journal_sync, log=self._log, do_long=do_long
        )
        return JournalKeeping(
            settings=settings,
            directory=directory,
            gate=gate,
            ledger=self._ledger,
            log=self._log,
            do_long=do_long,
        )

    def _counters(self) -> tuple[Callable[[], None], Callable[[], None], Callable[[], None]]:
        """What writes the process's counter file when that is due, what writes it at the end, and after it."""
        if self._settings.journal is None and self._settings.bootstrap_servers != EMBEDDED:
            return _nothing, _nothing, _nothing  # its processes share nothing on disk
        # Here, for most apps have no use for it.
        from flask_kafka_events.counting.place import place_of
        from flask_kafka_events.counting.writing import CounterFile

        file = CounterFile(
            app_name=self._app_name,
            ledger=self._ledger,
            place=lambda: place_of(self._settings, self._app_name, self._instance),
            log=self._log,
            # The thread that it may have is let go of by what keeps the journal. With the embedded broker, which is for
            # development, gevent's hub waits for the write.
            do_long=self._do_long if self._settings.journal is not None else at_once,
        )
        return file.write_due, file.finish, file.finish_again


def _nothing() -> None:
    """There is no file."""
