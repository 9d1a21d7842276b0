"""A broker that answers as it is told, message by message, and tells when a producer has nothing more to do."""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from tests.sending import Acknowledged

#: Seconds that a poll lasts at most, whatever was asked for: a producer's end waits for it.
PATIENCE: Final = 0.01

#: A message as the broker has it: its event's id, its topic, and whom to tell.
Message = tuple[str, str, Callable[..., None]]


class Broker:
    """Keeps what producers hand it until it is told to answer.

    Attributes:
        waiting: what was handed over and not answered, in order.
        acknowledged: how often each event was, by id.
        answers: what it will say to the next ones: an error, or None for an acknowledgement.
        is_full: whether a producer takes nothing at the moment.
        refuses: the error that the next `produce` raises, once.
    """

    def __init__(self) -> None:
        self.waiting: deque[Message] = deque()
        self.acknowledged: Counter[str] = Counter()
        self.answers: deque[KafkaError | None] = deque()
        self.is_full = False
        self.refuses: KafkaError | None = None
        self.producers = 0
        self._idle = 0
        self._nudged = 0
        self._moved = threading.Condition()

    def produce(self, message: Message) -> None:
        """Take a message, or raise as `confluent_kafka.Producer` does."""
        with self._moved:
            if self.is_full:
                raise BufferError
            if self.refuses is not None:
                error, self.refuses = self.refuses, None
                raise KafkaException(error)
            self.waiting.append(message)
            self._moved.notify_all()

    def serve(self, timeout: float) -> int:
        """Answer what may be answered, each before the next one."""
        with self._moved:
            if timeout and not self._has_work():
                self._idle += 1
                self._moved.notify_all()
                nudged = self._nudged
                self._moved.wait_for(
                    lambda: self._has_work() or self._nudged != nudged, min(timeout, PATIENCE)
                )
        served = 0
        while self._has_work():
            (id_, _, report), error = self.waiting.popleft(), self.answers.popleft()
            if error is None:
                self.acknowledged[id_] += 1
            report(error, Acknowledged(served))
            served += 1
        return served

    def purge(self) -> None:
        """Give everything back."""
        while self.waiting:
            self.waiting.popleft()[2](KafkaError(KafkaError._PURGE_QUEUE), Acknowledged(0))  # noqa: SLF001

    def rest(self) -> None:
        """Wait until the poller has come round with nothing to do."""
        for _ in range(2):  # the round that it is in may have begun before what is waited for
            with self._moved:
                idle = self._idle
                self._nudged += 1
                self._moved.notify_all()
                assert self._moved.wait_for(lambda: self._idle > idle, 10), "the poller comes round"  # noqa: B023

    def ids(self) -> list[str]:
        """Those that wait."""
        return [id_ for id_, _, _ in tuple(self.waiting)]

    def _has_work(self) -> bool:
        return bool(self.waiting and self.answers)


class ObedientProducer:
    """As much of `confluent_kafka.Producer` as the poller and the gate use, in front of a `Broker`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        broker.producers += 1

    def produce(self, topic: str, value: bytes, _: bytes | None, *, headers: Any, on_delivery: Any) -> None:
        """Hand a message over."""
        assert headers
        self._broker.produce((json.loads(value)["id"], topic, on_delivery))

    def poll(self, timeout: float) -> int:
        """Hear what the broker says."""
        return self._broker.serve(timeout)

    flush = poll

    def purge(self) -> None:
        """Give everything back."""
        self._broker.purge()

    def __len__(self) -> int:
        return len(self._broker.waiting)
