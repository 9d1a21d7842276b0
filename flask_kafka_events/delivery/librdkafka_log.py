"""What librdkafka has to say, told by the app's log."""

from collections.abc import Callable

from flask_kafka_events.log_line import Line
from flask_kafka_events.reminders import Reminders


class LibrdkafkaLog:
    """What librdkafka writes its log to: each kind of line is told once a minute, with no secret in it.

    A refused connection alone would be four lines a second.
    """

    def __init__(self, reminders: Reminders, scrubbed: Callable[[str], str]) -> None:
        self._reminders = reminders
        self._scrubbed = scrubbed

    def log(self, level: int, message: str, kind: str, client: str, text: str) -> None:
        """Called by confluent-kafka, in the thread that polls.

        Args:
            level: Python's own.
            message: confluent-kafka's template for the rest.
            kind: librdkafka's word for it, `"FAIL"` for example.
            client: the name of the client that has something to say.
            text: what it says.
        """
        shown, line = self._scrubbed(text), Line("librdkafka", about=kind)
        self._reminders.tell(level, ("librdkafka", kind), message, kind, client, shown, line=line)
