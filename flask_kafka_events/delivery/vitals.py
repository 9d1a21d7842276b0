"""How one process's delivery fares: asked at any moment, without waiting for anything."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from flask_kafka_events.delivery.admission import Fullness
from flask_kafka_events.delivery.connection import Connection
from flask_kafka_events.delivery.poller import Poller
from flask_kafka_events.ledger import Ledger

#: Seconds between two looks that are remembered.
INTERVAL: Final = 1.0
#: Looks remembered; of more, every second one is forgotten.
REMEMBERED: Final = 64
#: Seconds without another error after which a broker of whom nothing is wanted isn't taken to be away any more.
FORGIVING: Final = 60.0
#: Seconds for which lost events are told.
LATELY: Final = 300.0


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery fares at one moment.

    Attributes:
        is_closed: whether what is emitted now is dropped.
        obstacle: what must be corrected before there can be a producer, with the next step; empty where nothing must.
        trouble: why records can't be kept on disk just now, with the next step; empty where they can, or needn't.
        complaint: the last error of a connection to a broker, while none has answered since; empty where one has, or
            where nothing is wanted of it.
        waited: seconds that the oldest pending event has waited, at least.
        fullness: how full is what bounds the records that wait: `"queue"`, `"journal"`.
        lost: reasons for which events were lost lately, with how many in all were.
        dead: dead letters of this process.
    """

    is_closed: bool = False
    obstacle: str = ""
    trouble: str = ""
    complaint: str = ""
    waited: float = 0.0
    fullness: Mapping[str, Fullness] = {}
    lost: Mapping[str, int] = {}
    dead: int = 0


class Vitals:
    """What is known of it in memory; any thread may ask.

    No event carries the time of its emit: that, and finding the oldest, would cost each of them. But where fewer have met
    their end by now than had been emitted by some moment, one at least has waited since: so the poller looks at the ledger
    now and then, and so does whoever asks.

    Args:
        ledger: the process's.
        connection: the process's.
        poller: the process's.
        clock: tells seconds.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        connection: Connection,
        poller: Poller,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._connection = connection
        self._poller = poller
        self._clock = clock
        # Of each look its moment and how many events had been emitted; replaced as a whole, for any thread may look.
        self._looks: list[tuple[float, int]] = []
        self._next_look = -math.inf
        self._delivered = 0
        self._answered_at = -math.inf

    def condition(self) -> Condition:
        """How it fares now."""
        self.look()
        keeping = self._poller.keeping
        return Condition(
            is_closed=self._poller.gate.is_closed,
            obstacle=self._connection.obstacle,
            trouble=keeping.trouble(),
            complaint=self._complaint(),
            waited=self._waited(),
            fullness=keeping.fullness(),
            lost=self._ledger.lost_within(LATELY),
            dead=self._ledger.read().dead,
        )

    def look(self) -> None:
        """Take note of the ledger as it is; called by the poller after each of its turns."""
        now = self._clock()
        if (delivered := self._ledger.delivered) != self._delivered:
            self._delivered, self._answered_at = delivered, now
        if now < self._next_look:
            return
        self._next_look = now + INTERVAL
        looks, entered = self._unsettled(), self._ledger.entered
        if entered > max(self._ledger.settled, looks[-1][1] if looks else 0):
            looks.append((now, entered))
        if len(looks) > REMEMBERED:
            del looks[1::2]
        self._looks = looks

    def _waited(self) -> float:
        looks = self._unsettled()
        return self._clock() - looks[0][0] if looks else 0.0

    def _complaint(self) -> str:
        moment = self._connection.complained_at
        is_fresh = self._clock() - moment < FORGIVING
        answered_at = max(self._answered_at, self._connection.refused_at)
        is_open = moment > answered_at and (is_fresh or self._ledger.pending > 0)
        return self._connection.complaint if is_open else ""

    def _unsettled(self) -> list[tuple[float, int]]:
        settled = self._ledger.settled
        return [look for look in self._looks if look[1] > settled]
