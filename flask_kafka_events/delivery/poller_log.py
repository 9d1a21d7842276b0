"""What the poller says in the app's log."""

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.reports import NO_OFFSET
from flask_kafka_events.errors import ConfigurationError, class_name, explanation
from flask_kafka_events.log_line import Line
from flask_kafka_events.reminders import Reminders


class PollerLog:
    """Its lines; those of one kind that could come at every turn, once a minute.

    Args:
        log: the app's.
        reminders: the connection's.
    """

    def __init__(self, log: AppLog, reminders: Reminders) -> None:
        self._log = log
        self._reminders = reminders

    def goes_on(self, error: BaseException) -> None:
        """Something was raised that would have ended it."""
        line = Line("poller_failed", error=class_name(error))
        self._log.error("The poller goes on: %s", explanation(error), line=line)

    def is_misconfigured(self, error: ConfigurationError) -> None:
        """No producer can be built until that is corrected."""
        self._log.error("%s", error, line=Line("configuration"))

    def waits(self, why: str, delay: float) -> None:
        """There is no producer, and the next attempt to build one comes so many seconds later."""
        line = Line("producer_trouble")
        self._reminders.warn("producer", "%s. Next attempt in %s s; events wait.", why, delay, line=line)

    def keeps_credentials(self, error: BaseException) -> None:
        """The app could not give new ones."""
        line = Line("setting_failed", about="KAFKA_EVENTS_CREDENTIALS", error=class_name(error))
        text = "KAFKA_EVENTS_CREDENTIALS: %s; the old ones stay."
        self._reminders.warn("credentials", text, explanation(error), line=line)

    def misses_offset(self) -> None:
        """An acknowledgement that isn't believed."""
        self._reminders.warn("offset", NO_OFFSET, line=Line("no_offset"))
