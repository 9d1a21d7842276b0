"""What a process tells the embedded broker through its control socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_kafka_events.errors import EmbeddedBrokerError

from .control import (
    Accept,
    Answer,
    BrokerDown,
    BrokerUp,
    Command,
    CreateTopic,
    FailTopic,
    Ping,
    Refuse,
    RequestKind,
    RoundTrip,
    ask,
)

if TYPE_CHECKING:
    from .rendezvous import Broker


class RemoteControl:
    """Makes topics and orders faults on one embedded broker, as long as it lives.

    Each call raises `EmbeddedBrokerError` where the broker can't do it, or is gone.

    Attributes:
        address: `"127.0.0.1:PORT"`, for `bootstrap.servers`.
        pid: of the broker's process.

    .. versionadded:: 0.1
    """

    def __init__(self, broker: Broker) -> None:
        self.address = broker.address
        self.pid = broker.pid
        self._control = broker.control

    def is_alive(self) -> bool:
        """Whether this very broker still answers, be it up or ordered down: a killed one has lost its events."""
        try:
            self._tell(Ping())
        except EmbeddedBrokerError:
            return False
        return True

    def create_topic(self, name: str, *, partitions: int = 1) -> bool:
        """Make a topic, before its first use: the broker itself would give it 4 partitions.

        Returns:
            True; False where there is one of that name, which keeps its partitions.

        Raises:
            EmbeddedBrokerError: the name or number can't be, or the broker is gone.
        """
        return self._tell(CreateTopic(name=name, partitions=partitions)).created

    def refuse(self, error: str, *, n: int = 1, request: RequestKind = "Produce") -> None:
        """Answer the next requests of a kind with an error, after those that were ordered before.

        Args:
            error: its name as in `confluent_kafka.KafkaError`; `"_TRANSPORT"` drops the connection.
            n: number of requests, not of messages; librdkafka's own retries count.
            request: the kind.
        """
        self._tell(Refuse(error=error, n=n, request=request))

    def accept(self, *, request: RequestKind = "Produce") -> None:
        """Forget what is left of the refusals of a kind."""
        self._tell(Accept(request=request))

    def fail_topic(self, name: str, error: str | None) -> None:
        """Put an error on a topic's metadata, `"TOPIC_AUTHORIZATION_FAILED"` say; None takes it away."""
        self._tell(FailTopic(name=name, error=error))

    def broker_down(self) -> bool:
        """Drop every connection and refuse new ones; the events stay.

        Returns:
            Whether it was up.
        """
        return self._tell(BrokerDown()).was_up

    def broker_up(self) -> None:
        """Take connections again, at the same address."""
        self._tell(BrokerUp())

    def round_trip(self, ms: int) -> int:
        """Delay every answer of the broker by so many milliseconds; 0 ends it.

        Returns:
            The delay before, in milliseconds.
        """
        return self._tell(RoundTrip(ms=ms)).delay

    def _tell(self, command: Command) -> Answer:
        try:
            answer = ask(self._control, command)
        except OSError as error:
            raise EmbeddedBrokerError(
                f"The embedded broker at {self.address} (process {self.pid}) doesn't answer: {error}. "
                "Join it again."
            ) from error
        if answer.error is not None:
            raise EmbeddedBrokerError(answer.error)
        return answer
