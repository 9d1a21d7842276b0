"""Which member this is: the lowest number that no other living process on this machine has."""

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """A member's place in its group.

    A process that takes the place of a killed one gets its seat: so Kafka knows it under the same name, gives it the
    same partitions at once instead of after a time-out, and ends the transaction that the killed one left open.

    Attributes:
        name: the same for each process that has the seat.
        directory: where the member's state is.
    """

    name: str
    directory: Path


@contextmanager
def taken_seat(state: Path) -> Iterator[Seat]:
    """Take the first free seat; the kernel frees it as the process ends, however it ends."""
    for number in count():
        directory = state / str(number)
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "taken").open("w") as taken:
            try:
                fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield Seat(name=f"{socket.gethostname()}-{number}", directory=directory)
            return
