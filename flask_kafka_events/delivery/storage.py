"""Where an app's accepted records are until their end, by its settings."""

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.keeping import Keeping, MemoryKeeping
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.settings import Settings


def keeping_before(gate: Gate, *, app_name: str, settings: Settings, ledger: Ledger, log: AppLog) -> Keeping:
    """What keeps records until they pass a gate: memory alone, or with `KAFKA_EVENTS_JOURNAL` the disk too."""
    if settings.journal is None:
        return MemoryKeeping(settings=settings, gate=gate)
    # Here, for they and SQLite are a quarter of the import, and most apps have no journal.
    from flask_kafka_events.delivery.journaling import JournalKeeping
    from flask_kafka_events.journal.directory import JournalDirectory

    do_long = native.OffHub()
    directory = JournalDirectory(
        settings.journal, app_name, sync=settings.journal_sync, log=log, do_long=do_long
    )
    return JournalKeeping(
        settings=settings, directory=directory, gate=gate, ledger=ledger, log=log, do_long=do_long
    )
