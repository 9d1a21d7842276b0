"""All that one process needs to send an app's events, and the way to the right one after a fork."""

import os
import threading
import time
from concurrent.futures import Future

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery.admission import Reservation
from flask_kafka_events.delivery.connection import Connection
from flask_kafka_events.delivery.exits import close_at_exit, close_together
from flask_kafka_events.delivery.keeping import Keeping
from flask_kafka_events.delivery.loss_log import LossLog
from flask_kafka_events.delivery.poller import Poller
from flask_kafka_events.delivery.shipment import (
    INTERRUPTED,
    QUEUE_FULL,
    TOO_LARGE,
    Announce,
    Refusal,
    Shipment,
)
from flask_kafka_events.delivery.storage import Storage
from flask_kafka_events.delivery.vitals import Vitals
from flask_kafka_events.delivery.watching import Watcher
from flask_kafka_events.event import Record
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.settings import Settings


class ProcessDelivery:
    """One process's ledger, queue and producer, which its `poller` has.

    Args:
        app_name: the app's.
        settings: the app's.
        connection: builds the producer.
        log: the app's.
        announce: tells the app.
    """

    def __init__(
        self, *, app_name: str, settings: Settings, connection: Connection, log: AppLog, announce: Announce
    ) -> None:
        self.pid, self.close_seconds = os.getpid(), settings.close_seconds
        self.ledger = Ledger()
        self.watchers: list[Watcher] = []
        self.connection = connection
        self._settings, self._announce = settings, announce
        self._closes_at_exit = self.is_started = self._is_over = False
        self._losses = LossLog(log)
        self._storage = Storage(app_name, settings, connection.directory, self.ledger, log)
        self.poller = Poller(
            connection=connection,
            settle=self._settle,
            make_keeping=self._storage.keeping_before,
            tick=self._tick,
            log=log,
        )
        self.vitals = Vitals(ledger=self.ledger, connection=connection, poller=self.poller)
        self.hurry, self.held = self.poller.hurry, self.poller.held
        self._use(self.poller.keeping)

    def send(
        self,
        record: Record,
        *,
        place: Reservation | None = None,
        waiter: "Future[Delivery | Refusal] | None" = None,
        emitted_in: frozenset[str] = frozenset(),
    ) -> None:
        """Count a record as emitted and send it; its end is announced and counted, once.

        Waits only where `KAFKA_EVENTS_ON_FULL` is `"block"`, and raises nothing but what a signal handler raises into it,
        once it is known what became of the record.
        """
        shipment = Shipment(record=record, waiter=waiter, emitted_in=emitted_in)
        try:
            self.ledger.enter(shipment)
            self._take(shipment, place)
        except BaseException:
            self._end_interrupted(shipment)
            raise
        if shipment.interruption is not None:
            raise shipment.interruption

    def lose(self, loss: Loss, *, emitted_in: frozenset[str] = frozenset()) -> None:
        """Announce, log and count the loss of an event that the ledger has entered."""
        try:
            for watcher in self.watchers:
                watcher.lost(loss)
            self._announce(self.ledger, loss, emitted_in=emitted_in)
            self._losses.note(loss)
            self.close_at_exit()  # which tells what is owed, where no poller does
        finally:  # counted whatever a receiver raises: it may call sys.exit()
            if loss.dead:
                self.ledger.bury()
            elif loss.dropped:
                self.ledger.drop(loss.reason)
            else:
                self.ledger.fail(loss.reason)
            self._storage.finish_counters_again()

    def start(self) -> Refusal | None:
        """Start the poller, which builds the producer; the refusal says why it can't be."""
        if self.is_started:
            return None
        self.close_at_exit()
        refused = self.poller.start()
        self.is_started = refused is None
        return refused

    def flush(self, timeout: float) -> bool:
        """Send everything now and wait at most `timeout` seconds; False if something is still pending."""
        if self.poller.is_current():
            return self.ledger.pending == 0
        with self.poller.hurried():
            return self.ledger.wait_at_rest(timeout)

    def wait(self, waiter: "Future[Delivery | Refusal]", timeout: float) -> Delivery | Refusal:
        """Wait for the end of one event.

        Raises:
            TimeoutError: it hasn't come within `timeout` seconds.
        """
        # The poller's own thread, in a receiver, would wait for itself.
        with self.poller.hurried():
            return waiter.result(0 if self.poller.is_current() else min(timeout, threading.TIMEOUT_MAX))

    def close(self, timeout: float) -> bool:
        """Send what can be sent in `timeout` seconds and count the rest as dropped; False if anything was, or is left."""
        return close_together([self], timeout)

    def wait_for_earlier(self, timeout: float) -> None:
        """Wait until as many events are settled as were emitted before this call, while others go on to emit."""
        self.ledger.wait_settled(self.ledger.entered if self._can_await_ends() else 0, timeout)

    def refuse_later(self) -> None:
        """Drop what is emitted from now on."""
        self.poller.gate.close()

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is held, although others go on to emit and are refused; False if something still is."""
        deadline = time.monotonic() + timeout
        while self.held() and self._can_await_ends() and time.monotonic() < deadline:
            self.ledger.wait_at_rest(min(0.05, timeout))
        return self.held() == 0

    def begin_to_stop(self) -> None:
        """Have the poller end, and count what is left as dropped."""
        self._losses.gather()
        self.poller.begin_to_stop()

    def stop(self, timeout: float) -> bool:
        """Wait until the poller has done so, and tell how much it didn't get to in `timeout` seconds: False if any."""
        deadline = time.monotonic() + timeout
        self._is_over = self.poller.stop(timeout)
        self.tell_losses()
        if not self._is_over:
            self._losses.tell_undecided(self.ledger.pending)
        for watcher in self.watchers:
            watcher.closed(deadline)
        return self._is_over

    def tell_losses(self) -> None:
        """Write every line that is owed to the log, and the last counters."""
        self._losses.write_due(all_of_them=True)
        self._storage.finish_counters()

    def _use(self, keeping: Keeping) -> None:
        self._keeping = keeping
        # Themselves: what they do stands with `Keeping`.
        self.reserve, self.loads = keeping.reserve, keeping.loads
        self.adopt, self.may_adopt_more = keeping.adopt, keeping.may_adopt_more

    def _tick(self) -> None:
        self._losses.write_due()
        self._storage.write_counters()
        self.vitals.look()
        for watcher in self.watchers:
            watcher.tick()

    def _take(self, shipment: Shipment, place: Reservation | None) -> None:
        record = shipment.record
        if (size := record.size) > self._settings.max_event_bytes:
            if place is not None:
                place.give_back()
            refused = self._keeping.refuse(shipment, TOO_LARGE)
            if refused is None:
                self.start()  # it is the poller that hears of it
            else:
                self._end(shipment, refused)
        elif not self._keeping.admit(record.topic, size, place, self._patience()):
            self._end(shipment, QUEUE_FULL)
        else:
            shipment.is_admitted = True
            if (refused := self._accept(shipment)) is not None:
                self._settle(shipment, refused)

    def _accept(self, shipment: Shipment) -> Refusal | None:
        refused = self.start()
        if refused is None or self._keeping.outlives_the_process:
            refused = self._keeping.accept(shipment)
        return refused

    def _end_interrupted(self, shipment: Shipment) -> None:
        if not shipment.is_entered or shipment.is_over or shipment.is_kept():
            return
        if shipment.is_admitted:
            self._settle(shipment, INTERRUPTED)
        else:
            self._end(shipment, INTERRUPTED)

    def close_at_exit(self) -> None:
        """Have this closed when the process ends, whether or not it has a poller."""
        if not self._closes_at_exit:
            self._closes_at_exit = True
            close_at_exit(self)

    def _can_await_ends(self) -> bool:
        # After a close what is pending waits in the journal, for another process.
        return not self._is_over and not self.poller.is_current()

    def _patience(self) -> float:
        block = self._settings.on_full == "block" and not self.poller.is_current()
        return self._settings.block_seconds if block else 0.0

    def _settle(self, shipment: Shipment, end: Delivery | Refusal) -> None:
        if not shipment.is_over and (told := self._keeping.settle(shipment, end)) is not None:
            self._end(shipment, told)

    def _end(self, shipment: Shipment, end: Delivery | Refusal) -> None:
        shipment.is_over = True
        try:
            if isinstance(end, Delivery):
                self._deliver(shipment, end)
            else:
                self.lose(end.loss_of(shipment.record), emitted_in=shipment.emitted_in)
        finally:
            if shipment.waiter is not None:
                shipment.waiter.set_result(end)

    def _deliver(self, shipment: Shipment, delivery: Delivery) -> None:
        try:
            for watcher in self.watchers:
                watcher.delivered(shipment.record, delivery)
            self._announce(self.ledger, delivery, emitted_in=shipment.emitted_in, record=shipment.record)
        finally:
            self.ledger.deliver()
