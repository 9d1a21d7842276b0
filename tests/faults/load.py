"""Clients that ask at a steady rate and remember what was answered."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

CLIENTS: Final = 4
PLAYERS: Final = 5  # of each client: nobody else asks for them, so their order is known
REQUEST_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        number: it is in the event's data.
        began: when it was sent, by `time.monotonic`.
        seconds: how long the answer took; None where there was none, or not a 2xx.
    """

    number: int
    began: float
    seconds: float | None


@dataclass(slots=True)
class Load:
    """Requests to one server until `stop`.

    Args:
        port: the server's.
        rate: requests a second, by all clients together.
        paths: what is asked for in turn; the player and the number follow.
        first: the first number.
    """

    port: int
    rate: float
    paths: Sequence[str] = ("/buy",)
    first: int = 0
    asked: list[Asked] = field(default_factory=list)
    _numbers: itertools.count[int] = field(init=False)
    _answered: list[int] = field(default_factory=lambda: [0] * CLIENTS)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(self.first)

    def start(self) -> None:
        """Let the clients begin."""
        for client in range(CLIENTS):
            thread = threading.Thread(target=self._ask, args=(client,), name=f"client {client}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Let each client end after its request."""
        self._over.set()
        for thread in self._threads:
            thread.join(REQUEST_SECONDS)

    def answered(self) -> int:
        """How many requests were answered with 2xx so far."""
        return sum(self._answered)

    def _ask(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_SECONDS)
        pause = CLIENTS / self.rate
        due = time.monotonic() + pause * client / CLIENTS
        while not self._over.wait(max(0.0, due - time.monotonic())):
            # A server that was away isn't asked for all it missed at once.
            due = max(due + pause, time.monotonic() - 1.0)
            number = next(self._numbers)
            path = self.paths[number // CLIENTS % len(self.paths)]
            url = f"{path}/player-{client}-{number % PLAYERS}/{number}"
            began = time.monotonic()
            took = time.monotonic() - began if self._is_answered(connection, url) else None
            self.asked.append(Asked(number, began, took))
            self._answered[client] += took is not None
        connection.close()

    def _is_answered(self, connection: http.client.HTTPConnection, url: str) -> bool:
        try:
            connection.request("POST", url, body=b"")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request connects anew
            return False
        return 200 <= answer.status < 300
