"""The proxy that swallows bytes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.kafka.proxy import Proxy


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    """What the proxy passes on to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


@pytest.fixture
def proxy(behind: socket.socket) -> Iterator[Proxy]:
    """A proxy before it."""
    made = Proxy(behind.getsockname()[1])
    yield made
    made.close()


def connect(proxy: Proxy, behind: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection through the proxy."""
    client = socket.create_connection(("127.0.0.1", proxy.port), 5)
    server, _ = behind.accept()
    server.settimeout(5)
    return client, server


def test_bytes_pass_in_both_directions(proxy: Proxy, behind: socket.socket) -> None:
    """What one end sends the other gets, and the end of the one is the end of the other."""
    client, server = connect(proxy, behind)
    with client, server:
        client.sendall(b"ask")
        assert server.recv(10) == b"ask"
        server.sendall(b"answer")
        assert client.recv(10) == b"answer"
        client.close()
        assert server.recv(10) == b""


def test_hanging_swallows_and_recovers_for_new_connections(proxy: Proxy, behind: socket.socket) -> None:
    """While it hangs nothing arrives and nothing is closed; afterwards only new connections work."""
    old, old_server = connect(proxy, behind)
    with old, old_server:
        proxy.hang()
        old.sendall(b"swallowed")
        old_server.settimeout(0.3)
        with pytest.raises(TimeoutError):
            old_server.recv(10)
        proxy.recover()
        new, new_server = connect(proxy, behind)
        with new, new_server:
            old.sendall(b"still swallowed")
            new.sendall(b"new")
            assert new_server.recv(10) == b"new"
        with pytest.raises(TimeoutError):
            old_server.recv(10)


def test_client_of_a_broker_that_is_down_is_turned_away(behind: socket.socket, proxy: Proxy) -> None:
    """Where nobody listens behind the proxy the connection ends at once."""
    behind.close()
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        assert client.recv(10) == b""
