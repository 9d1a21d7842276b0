"""A TCP proxy before a broker that can swallow what goes through it: a network that hangs without a word."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from typing import Final

CHUNK: Final = 65_536
CONNECT_SECONDS: Final = 2.0


class Proxy:
    """Passes bytes on to a port of this machine. Its own port is open from the start, also while nobody is behind.

    Args:
        target: the port behind it.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._others: dict[socket.socket, socket.socket] = {}
        self._deaf: set[socket.socket] = set()
        self._hangs = False
        self._closing = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        """Where it listens, for `bootstrap.servers`."""
        return f"127.0.0.1:{self.port}"

    def hang(self) -> None:
        """From now on swallow every byte in both directions, on new connections too; none is closed."""
        with self._lock:
            self._hangs = True

    def recover(self) -> None:
        """Serve new connections again; those open by now stay silent until an end gives them up."""
        with self._lock:
            self._hangs = False
            self._deaf.update(self._others)

    def close(self) -> None:
        """Close all connections and the port."""
        self._closing = True
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join(5)
        for each in (*self._others, self._listener):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._listener:
                    self._connect(self._listener.accept()[0])
                elif ready in self._others:
                    self._pass_on(ready)

    def _connect(self, client: socket.socket) -> None:
        try:
            broker = socket.create_connection(("127.0.0.1", self._target), CONNECT_SECONDS)
        except OSError:
            client.close()
            return
        with self._lock:
            self._others.update({client: broker, broker: client})
        self._selector.register(client, selectors.EVENT_READ)
        self._selector.register(broker, selectors.EVENT_READ)

    def _pass_on(self, ready: socket.socket) -> None:
        other = self._others[ready]
        try:
            data = ready.recv(CHUNK)
            with self._lock:
                swallowed = self._hangs or ready in self._deaf
            if data and not swallowed:
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._forget(ready, other)

    def _forget(self, *pair: socket.socket) -> None:
        with self._lock:
            for each in pair:
                self._others.pop(each, None)
                self._deaf.discard(each)
        for each in pair:
            self._selector.unregister(each)
            each.close()
