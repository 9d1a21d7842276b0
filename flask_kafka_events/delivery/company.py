"""What isn't on disk with a record that waits there: who waits for its end, and where it was emitted."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import TypeAlias

from flask_kafka_events.delivery.shipment import Refusal, Shipment
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.outcomes import Delivery

_Waiter: TypeAlias = "Future[Delivery | Refusal]"


class Company:
    """Remembers it by the records' places in the file. Whoever writes the file may add to it."""

    def __init__(self) -> None:
        self._by_seq: dict[int, tuple[_Waiter | None, frozenset[str]]] = {}

    def leave(self, shipments: Iterable[Shipment]) -> None:
        """These wait in the file from now on, as far as they are not handed on at once."""
        for each in shipments:
            if not each.at_once and (each.waiter is not None or each.emitted_in):
                self._by_seq[each.seq] = (each.waiter, each.emitted_in)

    def join(self, shipment: Shipment) -> Shipment:
        """Give one that was read from the file what belongs to it."""
        shipment.waiter, shipment.emitted_in = self._by_seq.pop(shipment.seq, (None, frozenset()))
        return shipment

    def bereaved(self, file: JournalFile) -> list[_Waiter]:
        """Who waits for a record that isn't in the file any more, each once."""
        lost = [self._by_seq.pop(seq) for seq in tuple(self._by_seq) if not file.holds(seq)]
        return [waiter for waiter, _ in lost if waiter is not None]
