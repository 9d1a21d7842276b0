"""The process in which the embedded broker lives."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

from .cluster import Cluster
from .control import (
    Accept,
    Answer,
    BrokerDown,
    BrokerUp,
    Command,
    CreateTopic,
    FailTopic,
    Refuse,
    RoundTrip,
    answer,
)
from .rendezvous import Broker, Rendezvous
from .signposts import put_up, take_down

_LONGEST_DIRECTORY = 60
_LONGEST_TICK = 0.25


def main(folder: str, library: str, linger: str) -> None:
    """Run a broker until it has had no user for `linger` seconds."""
    signal.signal(signal.SIGTERM, _end)
    place = Rendezvous(Path(folder))
    cluster = Cluster(library)
    with listen(place.folder) as listener:
        broker = Broker(address=cluster.address, pid=os.getpid(), control=listener.getsockname())
        try:
            put_up(broker)
            place.announce(broker)
            _detach()
            serve(place, broker, cluster, listener, linger=float(linger))
        finally:
            place.withdraw(broker)
            take_down(broker)
            cluster.close()


def _end(*_: object) -> None:
    sys.exit(0)


def _detach() -> None:
    # Who started us reads our stderr until it ends: this is how it learns that we are up, or died.
    # Our stdout goes nowhere already.
    os.dup2(1, 2)


def listen(folder: Path) -> socket.socket:
    """A Unix socket in the folder, or in a temporary one where the path is too long or sockets can't be."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # With the pid: a lease on a killed broker must not reach its successor, whose address is another.
    path = folder / f"control-{os.getpid()}.sock"
    path.unlink(missing_ok=True)
    try:
        listener.bind(str(path))
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="flask-kafka-events-", dir=_short_directory()), "control.sock")
        listener.bind(str(path))
    path.chmod(0o600)
    listener.listen()
    return listener


def _short_directory() -> str:
    """The temporary directory, or the one that every POSIX system has, where that is too long."""
    # Linux takes 107 bytes, macOS 103; what is made there and the socket's own name take 41.
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= _LONGEST_DIRECTORY else "/tmp"  # noqa: S108 - mkdtemp makes a private one in it


def serve(
    place: Rendezvous, broker: Broker, cluster: Cluster, listener: socket.socket, *, linger: float
) -> None:
    """Obey commands until nobody has used the broker for `linger` seconds, or its file is gone."""
    tick = min(_LONGEST_TICK, linger / 4)
    quiet_since = time.monotonic()
    # Without its file, nobody finds the broker any more: the directory was removed, or a successor took over.
    while place.announced() == broker:
        if _obey(cluster, listener, tick) or place.in_use():
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since >= linger and place.vacate(broker):
            return


def _obey(cluster: Cluster, listener: socket.socket, tick: float) -> bool:
    listener.settimeout(tick)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return False
    answer(connection, lambda command: perform(cluster, command))
    return True


def perform(cluster: Cluster, command: Command) -> Answer:
    """Do what a command asks for.

    Raises:
        EmbeddedBrokerError: it can't be done.
    """
    match command:
        case CreateTopic():
            return Answer(created=cluster.create_topic(command.name, command.partitions))
        case Refuse():
            cluster.refuse(command.request, command.error, command.n)
        case Accept():
            cluster.accept(command.request)
        case FailTopic():
            cluster.fail_topic(command.name, command.error)
        case BrokerDown():
            return Answer(was_up=cluster.down())
        case BrokerUp():
            cluster.up()
        case RoundTrip():
            return Answer(delay=cluster.round_trip(command.ms))
    # A ping asks for nothing more than the answer.
    return Answer()
