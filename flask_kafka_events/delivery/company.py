"""What isn't on disk with a record that waits there: who waits for its end, and where it was emitted."""

from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeAlias
from weakref import WeakValueDictionary

from flask_kafka_events.delivery.shipment import Refusal, Shipment
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.outcomes import Delivery

_Waiter: TypeAlias = "Future[Delivery | Refusal]"


class Company:
    """Remembers it by the records' places in the file. Whoever writes the file may add to it."""

    def __init__(self) -> None:
        # An emitter that gives up takes its own along: in an outage each would stay here, 2 KB an event.
        self._waiters: WeakValueDictionary[int, _Waiter] = WeakValueDictionary()
        self._emitted_in: dict[int, frozenset[str]] = {}

    def leave(self, shipments: Iterable[Shipment]) -> None:
        """These are about to wait in the file, as far as they are not handed on at once."""
        for each in shipments:
            if not each.at_once and each.waiter is not None:
                self._waiters[each.seq] = each.waiter
            if not each.at_once and each.emitted_in:
                self._emitted_in[each.seq] = each.emitted_in

    def join(self, shipment: Shipment) -> Shipment:
        """Give one that was read from the file, or that isn't written after all, what belongs to it."""
        shipment.waiter = self._waiters.pop(shipment.seq, shipment.waiter)
        shipment.emitted_in = self._emitted_in.pop(shipment.seq, shipment.emitted_in)
        return shipment

    def bereaved(self, file: JournalFile) -> list[_Waiter]:
        """Who waits for a record that isn't in the file any more, each once."""
        gone = {seq for seq in (*self._waiters, *self._emitted_in) if not file.holds(seq)}
        return self._parted(gone)

    def leave_pending(self) -> None:
        """Tell all who wait that another process will send their records: for them that is a time-out."""
        for waiter in self._parted(tuple(self._waiters)):
            waiter.set_exception(FutureTimeout())

    def _parted(self, seqs: Iterable[int]) -> list[_Waiter]:
        for seq in seqs:
            self._emitted_in.pop(seq, None)
        found = [self._waiters.pop(seq, None) for seq in sorted(seqs)]
        return [waiter for waiter in found if waiter is not None]
