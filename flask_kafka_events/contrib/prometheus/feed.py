"""Brings one process's counts into the metrics: the ledger's numbers, and of which type the events were that ended."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from flask_kafka_events.contrib.prometheus.event_types import OTHER, EventTypes
from flask_kafka_events.contrib.prometheus.latency import seconds_since_emit
from flask_kafka_events.contrib.prometheus.metrics import Metrics
from flask_kafka_events.contrib.prometheus.statistics import ProducerStatistics
from flask_kafka_events.delivery.process import ProcessDelivery
from flask_kafka_events.errors import class_name, explanation_with_place
from flask_kafka_events.event import Record
from flask_kafka_events.ledger import LEFT_OUT, Stats
from flask_kafka_events.log_line import Line
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.settings import Settings

#: Seconds between two looks at the ledger.
INTERVAL: Final = 0.5


class Feed:
    """Watches one process's delivery: `delivery.watching.Watcher`.

    The ledger is the truth. Of each end it is noted here first which type the event had, so what the ledger has beyond
    that is of events nobody was told of, those that were lost by number with a journal file: their type is `OTHER`.

    Args:
        process: what is watched.
        settings: the app's.
        metrics: where it is shown.
        app: the value of the label `app`.
        types: bounds the label `type`.
        reminders: where a failure of ours is told.
    """

    def __init__(
        self,
        process: ProcessDelivery,
        *,
        settings: Settings,
        metrics: Metrics,
        app: str,
        types: EventTypes,
        reminders: Reminders,
    ) -> None:
        self.metrics = metrics
        self._process = process
        self._settings = settings
        self._app = app
        self._types = types
        self._reminders = reminders
        self._brokers = ProducerStatistics(metrics, app)
        self._observe: Callable[[float], None] | None = None
        self._ended: dict[tuple[str, str, str], int] = {}
        self._shown: dict[tuple[str, ...], int] = {}
        self._next_look = 0.0
        self._is_ticking = self._is_publishing = self._again = False
        # Not the metrics' own: whoever holds that may wait for a lock of Prometheus' client, which the thread has that a
        # signal handler interrupts to emit. Under this one nothing is waited for.
        self._noting = threading.RLock()

    def delivered(self, record: Record, _: Delivery) -> None:
        """Note which type it had, and how long it took."""
        self._harmlessly(self._noting, partial(self._note, record.type, "delivered", ""))
        self._harmlessly(self.metrics.lock, partial(self._observe_latency, record))

    def lost(self, loss: Loss) -> None:
        """Note which type it had, and why."""
        self._harmlessly(self._noting, partial(self._note, loss.type, loss.outcome, loss.reason))

    def tick(self) -> None:
        """Publish, if it is time for it."""
        self._is_ticking = True
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + INTERVAL
            self.publish()

    def closed(self, _: float) -> None:
        """Publish what this process ends with."""
        self._harmlessly(self.metrics.lock, self._brokers.end)
        self.publish()

    def take_statistics(self, text: str) -> None:
        """Publish what librdkafka says of its brokers."""
        self._harmlessly(self.metrics.lock, partial(self._brokers.take, text))

    def publish(self) -> None:
        """Bring this moment's numbers into the metrics; any thread may ask, but no emit: it may be a signal handler's."""
        self._harmlessly(self.metrics.lock, self._publish)

    def _publish(self) -> None:
        self._again = True
        if self._is_publishing:  # we are in a signal handler on top of it, which asked too
            return
        self._is_publishing = True
        try:
            while self._again:
                self._again = False
                self._show_all()
        finally:
            self._is_publishing = False

    def _harmlessly(self, lock: AbstractContextManager[object], act: Callable[[], None]) -> None:
        with lock:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - metrics that can't be written mustn't cost an event
                text = "The metrics lag behind: %s. See that PROMETHEUS_MULTIPROC_DIR can be written."
                line = Line("metrics_failed", error=class_name(error))
                self._reminders.warn("prometheus", text, explanation_with_place(error), line=line)

    def _observe_latency(self, record: Record) -> None:
        seconds = seconds_since_emit(record)
        if seconds is not None:
            if self._observe is None:
                self._observe = self.metrics.observing("delivery_latency_seconds", (self._app,))
            self._observe(seconds)

    def _note(self, type: str, outcome: str, reason: str) -> None:
        what = self._types.label_of(type), outcome, reason
        self._ended[what] = self._ended.get(what, 0) + 1

    def _show_all(self) -> None:
        stats = self._process.ledger.read()  # before what is noted: of that nothing may be missing
        with self._noting:
            self._attribute(stats)
        self._count("emitted_total", stats.emitted)
        self._count("adopted_total", stats.adopted)
        self._count("receiver_errors_total", stats.receiver_errors)
        for reason in LEFT_OUT:
            self._count("left_out_total", getattr(stats, reason), reason)
        for what, number in tuple(self._ended.items()):  # a signal handler on top of this may add to it
            self._count("outcomes_total", number, *what)
        self._set("pending", stats.pending)
        if self._is_ticking:  # a master that preloads the app has limits too, and sends nothing
            self._show_loads()

    def _attribute(self, stats: Stats) -> None:
        for outcome, reason, counted in _outcomes(stats):
            is_any = reason is None  # the ledger has no reasons of the dead, and a delivery has none
            noted = sum(
                number
                for (_, o, r), number in tuple(self._ended.items())
                if o == outcome and (is_any or r == reason)
            )
            if counted > noted:
                what = OTHER, outcome, reason or ""
                self._ended[what] = self._ended.get(what, 0) + counted - noted

    def _show_loads(self) -> None:
        settings, loads = self._settings, self._process.loads()
        events, size = loads.queue
        self._set("queue_events", events)
        self._set("queue_bytes", size)
        self._set("queue_limit_events", settings.queue_events)
        self._set("queue_limit_bytes", settings.queue_bytes)
        if loads.journal is not None:
            events, size = loads.journal
            self._set("journal_events", events)
            self._set("journal_bytes", size)
            self._set("journal_limit_bytes", settings.journal_max_bytes)
            self._set("journal_file_bytes", loads.files)

    def _count(self, metric: str, total: int, *labels: str) -> None:
        what = (metric, *labels)
        shown = self._shown.get(what)
        if total != shown:
            self.metrics.add(metric, total - (shown or 0), (self._app, *labels))
            self._shown[what] = total

    def _set(self, metric: str, value: int) -> None:
        self.metrics.set(metric, value, (self._app,))


def _outcomes(stats: Stats) -> list[tuple[str, str | None, int]]:
    return [
        ("delivered", None, stats.delivered),
        ("dead", None, stats.dead),
        *(("failed", reason, number) for reason, number in stats.failed_by_reason.items()),
        *(("dropped", reason, number) for reason, number in stats.dropped_by_reason.items()),
    ]
