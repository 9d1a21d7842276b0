"""Where an accepted shipment goes: straight into librdkafka's queue, or behind those that wait for a producer."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message

# Not confluent_kafka.Producer: that may be a subclass in Python, which an instrumentation has put in its place.
from confluent_kafka.cimpl import Producer

from flask_kafka_events.delivery.first_flights import FirstFlights
from flask_kafka_events.delivery.reports import SEND_AGAIN, refusal
from flask_kafka_events.delivery.shipment import CLOSED, Ended, Moved, Refusal, Shipment
from flask_kafka_events.errors import explanation
from flask_kafka_events.turns import turns

#: Shipments passed on under one hold of the lock, so that an emit never waits long for it.
FEED_BATCH = 200

Report: TypeAlias = Callable[[Shipment, KafkaError | None, Message], None]


class _Stuck(Exception):
    """The producer takes nothing now; what it refused has to wait."""


class Gate:
    """Keeps shipments in the order of acceptance, whichever of the two ways they take.

    While it flows nothing waits, and each shipment goes straight to the producer; else each waits behind the others
    until the poller feeds them on. Any thread may use it.

    Args:
        knows: whether a topic may be produced to as it is; others wait for the poller to prepare them.
        report: librdkafka's delivery report for a shipment, called in the poller's thread.
        scrubbed: takes the settings' secrets out of what an error says.
    """

    def __init__(
        self, *, knows: Callable[[str], bool], report: Report, scrubbed: Callable[[str], str]
    ) -> None:
        self._knows = knows
        self._report = report
        self._scrubbed = scrubbed
        # Re-entrant: a signal handler that emits may interrupt the thread that holds it. The poller never holds it
        # while it polls.
        self._lock = turns()
        self._numbers = itertools.count()
        self._waiting: deque[Shipment] = deque()
        self._first_flights = FirstFlights()
        self._producer: Producer | None = None
        self._flowing = False
        self._closed = False
        self.broken = False

    @property
    def is_closed(self) -> bool:
        """Whether every later shipment is refused."""
        return self._closed

    @property
    def producer(self) -> Producer | None:
        """The producer that takes shipments now."""
        return self._producer

    def accept(self, shipment: Shipment) -> Refusal | None:
        """Take a shipment; the refusal says why it will never be sent. Never blocks, never raises."""
        with self._lock:
            return CLOSED if self._closed else self._take(shipment)

    def resume(self, shipment: Shipment) -> Refusal | None:
        """Take a shipment whose record was accepted earlier and waited elsewhere, also while later ones are refused."""
        with self._lock:
            return self._take(shipment)

    def connect(self, producer: Producer) -> None:
        """Feed this producer from now on."""
        with self._lock:
            self._producer = producer
            self.broken = False

    def disconnect(self) -> None:
        """Let everything wait from now on."""
        with self._lock:
            self._producer = None
            self.put_back(self._first_flights.take_all())

    def feed(self) -> Moved:
        """Pass on what waits, a batch at most."""
        refused: list[Ended] = []
        with self._lock:
            for moved in range(FEED_BATCH):
                if not self._waiting:
                    self._flowing = self._producer is not None and not self.broken
                    return moved, refused
                if not self._feed_first(refused):
                    return moved, refused
            return FEED_BATCH, refused

    def land(self, shipment: Shipment, *, taken: bool) -> list[Ended]:
        """Pass on what was held behind a shipment that has met its end; returns what the producer refused of that.

        Args:
            shipment: that one.
            taken: whether the broker has it.
        """
        with self._lock:
            released = self._first_flights.land(shipment, taken=taken)
            refused: list[Ended] = []
            if not released:
                return refused
            for _ in range(FEED_BATCH):
                if not released or not self._moves(released, refused):
                    break
            if released:
                self.put_back(released)
            return refused

    def put_back(self, shipments: Iterable[Shipment]) -> None:
        """Let these wait again, ahead of all that were accepted later."""
        with self._lock:
            self._flowing = False
            again = sorted([*shipments, *self._waiting], key=lambda shipment: shipment.number)
            self._waiting = deque(again)

    def first_topic(self) -> str | None:
        """The topic of the shipment that waits longest."""
        with self._lock:
            return self._waiting[0].record.topic if self._waiting else None

    def close(self) -> None:
        """Refuse every later shipment."""
        with self._lock:
            self._closed = True

    def take_waiting(self) -> list[Shipment]:
        """Remove and return all that wait."""
        with self._lock:
            waiting = [*self._first_flights.take_all(), *self._waiting]
            self._waiting.clear()
            return waiting

    def held(self) -> int:
        """How many shipments wait here or in the producer's queue."""
        with self._lock:
            here = len(self._waiting) + self._first_flights.held()
            return here + (0 if self._producer is None else len(self._producer))

    def _take(self, shipment: Shipment) -> Refusal | None:
        shipment.number = next(self._numbers)
        try:
            if self._flowing and self._knows(shipment.record.topic):
                return self._pass_on(shipment, maybe_interrupted=True)
        except _Stuck:
            pass
        except BaseException as error:  # noqa: BLE001 - whether librdkafka has it isn't known
            shipment.interruption = _of_a_signal_handler(error, self._producer)
        self._flowing = False
        self._waiting.append(shipment)
        return None

    def _feed_first(self, refused: list[Ended]) -> bool:
        return self._knows(self._waiting[0].record.topic) and self._moves(self._waiting, refused)

    def _moves(self, shipments: deque[Shipment], refused: list[Ended]) -> bool:
        try:
            end = self._pass_on(shipments[0])
        except _Stuck:
            return False
        first = shipments.popleft()
        if end is not None:
            refused.append((first, end))
        return True

    def _pass_on(self, shipment: Shipment, *, maybe_interrupted: bool = False) -> Refusal | None:
        first_flight = self._first_flights.route_of(shipment)
        if first_flight is not None and self._first_flights.holds(first_flight, shipment):
            return None
        end = self._produce(shipment, maybe_interrupted=maybe_interrupted)
        if end is None and first_flight is not None:
            self._first_flights.take_off(first_flight)
        return end

    def _produce(self, shipment: Shipment, *, maybe_interrupted: bool) -> Refusal | None:
        record = shipment.record
        if self._producer is None:
            raise _Stuck
        try:
            self._producer.produce(
                record.topic, record.value, record.key,
                headers=list(record.headers), on_delivery=partial(self._report, shipment),
            )  # fmt: skip
        except BufferError:
            raise _Stuck from None
        except KafkaException as exception:
            error: KafkaError = exception.args[0]
            if error.code() not in SEND_AGAIN:
                return refusal(error, self._scrubbed)
            self.broken = True
            raise _Stuck from None
        except Exception as error:  # a factory's producer is the app's and may raise anything
            # An interrupted `produce` may raise anything: confluent-kafka's own makes a TypeError of a KeyboardInterrupt
            # (measured). The poller, which no signal reaches, makes it again and sees what it is.
            if maybe_interrupted:
                raise
            return Refusal(dropped=False, reason="error", explanation=f"produce(): {explanation(error)}")
        return None


def _of_a_signal_handler(error: BaseException, producer: Producer | None) -> BaseException | None:
    """What is to reach the emitter; None where the producer itself may have raised it."""
    # confluent-kafka's own `produce` is C, and has no frame that an error could come out of.
    frames = error.__traceback__
    has_frame = type(producer) is Producer and frames is not None and frames.tb_next is not None
    return error if has_frame or not isinstance(error, Exception) else None
