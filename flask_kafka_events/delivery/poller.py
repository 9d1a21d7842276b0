"""The one thread that builds a producer, feeds it, polls it and replaces it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.connection import POLL, Connection
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.keeping import Keeping
from flask_kafka_events.delivery.poller_log import PollerLog
from flask_kafka_events.delivery.reports import end_of, must_go_again
from flask_kafka_events.delivery.shipment import UNSENT, Ended, Refusal, Settle, Shipment
from flask_kafka_events.errors import ConfigurationError, EmbeddedBrokerError, explanation
from flask_kafka_events.outcomes import Delivery

#: Seconds between two checks of what isn't a delivery report: certificate files, credentials, lines owed to the log.
CHECK = 0.25
#: Seconds that a producer gets to finish its work before another takes over.
GRACE = 1.0
#: Seconds before the second attempt to build a producer, and the most that doubling makes of it.
BACKOFF = (0.5, 30.0)


class Poller:
    """Runs from the first emit of a process to its close.

    Args:
        connection: builds producers.
        settle: told the end of each shipment, once.
        make_keeping: gives what keeps the shipments that the gate passes on.
        tick: called after each turn.
        log: where trouble is told.
    """

    def __init__(
        self,
        *,
        connection: Connection,
        settle: Settle,
        make_keeping: Callable[[Gate], Keeping],
        tick: Callable[[], None],
        log: AppLog,
    ) -> None:
        self.gate = Gate(knows=connection.knows, report=self._report, scrubbed=connection.scrubbed)
        self.keeping = make_keeping(self.gate)
        self._connection = connection
        self._settle, self._tick = settle, tick
        self._log = PollerLog(log, connection.reminders)
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._hurrying = self._failures = 0
        self._next_check = 0.0
        self._again: list[Shipment] = []
        self._drained: Producer | None = None

    def start(self) -> Refusal | None:
        """Start the thread, once; the refusal says why it can't be."""
        with self._lock:
            if self._thread is not None:
                return None
            thread = threading.Thread(target=self._run, name="kafka-events-poller", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # Python 3.12+ starts no thread once the interpreter shuts down
                return Refusal(
                    dropped=True, reason="no_thread", explanation=f"{error}. Emit before the exit."
                )
            self._thread = thread
            return None

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """While this lasts everything is sent at once, whatever `linger.ms` says."""
        self.hurry()
        try:
            yield
        finally:
            with self._lock:
                self._hurrying -= 1

    def hurry(self) -> None:
        """From now on send everything at once."""
        with self._lock:
            self._hurrying += 1

    def stop(self, timeout: float) -> bool:
        """End the thread and settle what is left, in `timeout` seconds; False where that took longer."""
        self.begin_to_stop()
        if self._thread is None:
            self._end_all(self.keeping.close())
        if self._thread is None or self.is_current():
            return True
        self._thread.join(timeout)
        # Still running where a constructor hangs (OAuth: 10 s).
        self._end_all([(each, UNSENT) for each in self.gate.take_waiting()])
        return not self._thread.is_alive()

    def begin_to_stop(self) -> None:
        """Have the thread end, and settle what is left as closed."""
        self.gate.close()
        self._stop.set()

    def is_current(self) -> bool:
        """Whether this is the poller's thread, which must not wait for itself."""
        return threading.current_thread() is self._thread

    def held(self) -> int:
        """How many shipments have not met their end."""
        drained = self._drained
        elsewhere = len(self._again) + self.keeping.held()
        return self.gate.held() + elsewhere + (0 if drained is None else len(drained))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except BaseException as error:  # noqa: BLE001 - with this thread every later event would be lost
                self._log.goes_on(error)
                self._stop.wait(CHECK)
        self._finish()

    def _step(self) -> None:
        producer = self.gate.producer
        if producer is None:
            self._build()
        else:
            self._turn(producer)
        self._keep_house()

    def _keep_house(self) -> None:
        self._tick()
        self._end_all(self.keeping.tick())

    def _build(self) -> None:
        try:
            producer = self._connection.open()
        except ConfigurationError as error:
            self._log.is_misconfigured(error)
            while not self._stop.wait(CHECK) and not self._connection.certificates_changed():
                self._keep_house()
        except Exception as error:  # noqa: BLE001 - CREDENTIALS and oauth_cb are the app's and may raise anything
            self._back_off(f"The producer can't be built: {explanation(error)}")
        else:
            self.gate.connect(producer)

    def _turn(self, producer: Producer) -> None:
        if not self._prepare_first_topic():
            self._replace(producer)
            return
        moved = 0
        for hand_on in (self.gate.feed, self.keeping.refill):
            count, refused = hand_on()
            moved += count
            self._end_all(refused)
        self._serve(producer, timeout=0 if moved else POLL)
        if self.gate.broken:
            self._replace(producer)
        elif time.monotonic() >= self._next_check:
            self._check(producer)

    def _prepare_first_topic(self) -> bool:
        topic = self.gate.first_topic()
        try:
            if topic is not None:
                self._connection.prepare(topic)
        except EmbeddedBrokerError as error:
            self._connection.release()
            self._back_off(str(error))
            return False
        return True

    def _serve(self, producer: Producer, timeout: float) -> None:
        try:
            serve = producer.flush if self._hurrying else producer.poll
            serve(timeout)
        except KafkaException as exception:  # a fatal error comes out of poll, not out of error_cb
            self.gate.broken = True
            text = self._connection.scrubbed(exception.args[0].str())
            self._back_off(f"Kafka: {text} ({exception.args[0].name()}), sending again")

    def _check(self, producer: Producer) -> None:
        self._next_check = time.monotonic() + CHECK
        if self._connection.is_stale():
            # What the broker is about to acknowledge would otherwise be sent twice.
            self._replace(producer, grace=GRACE)
            return
        try:
            self._connection.renew_credentials(producer)
        except Exception as error:  # noqa: BLE001 - CREDENTIALS is the app's and may raise anything
            self._log.keeps_credentials(error)

    def _replace(self, producer: Producer, *, grace: float = 0.0) -> None:
        self._drain(producer, grace=grace)
        again, self._again = self._again, []
        self.gate.put_back(again)

    def _drain(self, producer: Producer, *, grace: float) -> None:
        self._drained = producer
        self.gate.disconnect()
        self._connection.retire(producer, grace=grace)
        self._drained = None

    def _back_off(self, why: str) -> None:
        (first, last), began = BACKOFF, time.monotonic()
        delay = min(last, first * 2**self._failures)
        self._failures += 1
        self._log.waits(why, delay)
        # Who flushes or closes doesn't wait for the longest delay: the cause may be gone by now.
        while time.monotonic() < began + (first if self._hurrying else delay) and not self._stop.wait(CHECK):
            self._keep_house()

    def _finish(self) -> None:
        if (producer := self.gate.producer) is not None:
            self._drain(producer, grace=0.0)
        again, self._again = self._again, []
        self._end_all([(each, UNSENT) for each in [*again, *self.gate.take_waiting()]])
        self._connection.release()
        self._tick()
        self._end_all(self.keeping.close())

    def _end_all(self, ended: list[Ended]) -> None:
        for shipment, end in native.paced(ended):
            self._end(shipment, end)

    def _end(self, shipment: Shipment, end: Delivery | Refusal) -> None:
        try:
            self._settle(shipment, end)
        except BaseException as error:  # noqa: BLE001 - a receiver that calls sys.exit(): the others have an end too
            self._log.goes_on(error)

    def _report(self, shipment: Shipment, error: KafkaError | None, message: Message) -> None:
        if must_go_again(error, message):
            self.gate.broken = True
            self._again.append(shipment)
            if error is None:
                self._log.misses_offset()
            return
        if error is None:
            self._failures = 0
        elif error.code() > 0:  # a broker's own, not librdkafka's
            self._connection.refused_at = time.monotonic()
        self._end(shipment, end_of(shipment.record.topic, error, message, self._connection.scrubbed))
        for refused in self.gate.land(shipment, taken=error is None):
            self._end(*refused)
