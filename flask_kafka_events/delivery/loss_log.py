"""What the log says of lost events: one line a second for each reason, never a payload."""

import threading
import time

import msgspec

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.log_line import Line
from flask_kafka_events.outcomes import Loss

#: Seconds between two lines about the same reason.
INTERVAL = 1.0


class _Unsaid(msgspec.Struct):
    next_line: float
    count: int = 0
    last: Loss | None = None


class LossLog:
    """Writes the first loss of a reason at once and gathers the next ones for a second."""

    def __init__(self, log: AppLog) -> None:
        self._log = log
        self._lock = threading.RLock()
        self._reasons: dict[str, _Unsaid] = {}
        self._is_gathering = False

    def gather(self) -> None:
        """Write nothing until all that is owed is asked for: what ends together is told in one line."""
        self._is_gathering = True

    def note(self, loss: Loss) -> None:
        """Take a loss into account; writes a line unless one for its reason is younger than a second."""
        with self._lock:
            unsaid = self._reasons.setdefault(loss.reason, _Unsaid(next_line=0.0))
            unsaid.count += 1
            unsaid.last = loss
        self.write_due()

    def write_due(self, *, all_of_them: bool = False) -> None:
        """Write the lines whose second is over, or every one that is still owed."""
        if all_of_them:
            self._is_gathering = False
        for count, loss in self._take_due(all_of_them=all_of_them):
            what = "kept as dead letters" if loss.dead else "lost"
            named = f"{loss.type!r}" if loss.id is None else f"{loss.type!r} with id {loss.id}"
            line = Line(
                "dead_letters" if loss.dead else "losses",
                reason=loss.reason, count=count, type=loss.type, id=loss.id,
                topic=None if loss.record is None else loss.record.topic,
            )  # fmt: skip
            self._log.error(
                "%d event(s) %s (%s), the last one of type %s: %s",
                count, what, loss.reason, named, loss.explanation,
                line=line,
            )  # fmt: skip

    def tell_undecided(self, count: int) -> None:
        """Tell how many had no end yet when their process had to have one."""
        text = "%d event(s) were undecided when KafkaEvents had to end."
        self._log.error(text, count, line=Line("undecided", count=count))

    def _take_due(self, *, all_of_them: bool) -> list[tuple[int, Loss]]:
        now = time.monotonic()
        due: list[tuple[int, Loss]] = []
        with self._lock:
            for unsaid in self._reasons.values():
                is_due = now >= unsaid.next_line and not self._is_gathering
                if unsaid.last is not None and (all_of_them or is_due):
                    due.append((unsaid.count, unsaid.last))
                    unsaid.next_line, unsaid.count, unsaid.last = now + INTERVAL, 0, None
        return due
