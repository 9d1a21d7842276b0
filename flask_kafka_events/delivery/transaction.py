"""Shipments of several threads that are written to a journal file together."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, TypeAlias

import msgspec

from flask_kafka_events.delivery import native
from flask_kafka_events.delivery.shipment import Shipment

#: Attempts at a write that signal handlers interrupt, after which its events wait in memory.
ATTEMPTS: Final = 3

Store: TypeAlias = Callable[[list[Shipment]], None]


class Transaction(msgspec.Struct, eq=False):
    """Takes shipments until one of their threads writes them all; who comes while it does is in the next one.

    Attributes:
        shipments: in the order of their places in the file.
        is_over: whether they are written, or failed to be.
    """

    shipments: list[Shipment] = []
    is_over: bool = False


class Writing:
    """Has each shipment written by one of the threads that wait for it.

    What a signal handler raises into it (Celery's time limit, a KeyboardInterrupt) is put off until the shipment is kept,
    in its `interruption`: else nobody would know whether it is.

    Args:
        lock: held by whoever joins; never while the file is written.
        write: writes shipments, or keeps them in memory; again, it does nothing to those that are written.
        remember: keeps them in memory.
    """

    def __init__(self, *, lock: AbstractContextManager[Any], write: Store, remember: Store) -> None:
        #: Held by whoever writes.
        self.turn = threading.RLock()
        self._lock = lock
        self._write = write
        self._remember = remember
        self._next = Transaction()

    def join(self, shipment: Shipment) -> Transaction:
        """Add a shipment to what is written next."""
        transaction = self._next
        transaction.shipments.append(shipment)
        return transaction

    def finish(self, transaction: Transaction, shipment: Shipment) -> None:
        """Write a transaction, or wait until somebody has."""
        if native.may_not_wait():
            self._finish_at_once(transaction, shipment)
            return
        while not transaction.is_over:
            try:
                with self.turn:
                    self._work_off(transaction, shipment)
            except BaseException as error:  # noqa: BLE001 - raised again once it is known what became of the shipment
                shipment.interruption = error

    def unwritten(self, topic: str) -> Iterator[Shipment]:
        """A topic's shipments that will wait in the file for their turn."""
        return (each for each in self._next.shipments if not each.at_once and each.record.topic == topic)

    def _finish_at_once(self, transaction: Transaction, shipment: Shipment) -> None:
        # In gevent's hub, which can't wait for the greenlet that has the turn; and that hasn't begun with this one.
        if self.turn.acquire(blocking=False):
            try:
                while not transaction.is_over:
                    self._work(transaction)
            finally:
                self.turn.release()
        else:
            transaction.shipments.remove(shipment)
            self._remember([shipment])

    def _work_off(self, transaction: Transaction, shipment: Shipment) -> None:
        # The turn is kept meanwhile: else the next transaction, which has later places, could be written first.
        while not transaction.is_over:
            try:
                self._work(transaction)
            except BaseException as error:  # noqa: BLE001 - as in `finish`
                shipment.interruption = error

    def _work(self, transaction: Transaction) -> None:
        # Else it was taken out already, by an attempt that was interrupted behind this.
        with self._lock:
            if self._next is transaction:
                self._next = Transaction()
        try:
            self._persist(transaction.shipments)
        finally:
            transaction.is_over = True

    def _persist(self, shipments: list[Shipment]) -> None:
        interruption: BaseException | None = None
        for _ in range(ATTEMPTS):
            try:
                self._write(shipments)
                break
            except BaseException as error:  # noqa: BLE001 - whether it was written is found out by writing it again
                interruption = error
        else:
            self._remember(shipments)
        if interruption is not None:
            raise interruption
