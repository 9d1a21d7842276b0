"""Which embedded broker is behind an address: each puts up a signpost in a folder that is this user's alone.

So a process that knows no more of a broker than `bootstrap.servers` finds its control socket.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flask_kafka_events.app_directory import make_private

from .rendezvous import read_broker, write_broker

if TYPE_CHECKING:
    from .rendezvous import Broker


def put_up(broker: Broker) -> None:
    """Let this user's processes find a broker by its address; where the folder can't be, they don't."""
    with suppress(OSError):
        make_private(_folder())
        write_broker(broker, _signpost(broker.address))


def take_down(broker: Broker) -> None:
    """Remove a broker's signpost, and none that a later one at this address has put up."""
    with suppress(OSError):
        if broker_at(broker.address) == broker:
            _signpost(broker.address).unlink()


def broker_at(address: str) -> Broker | None:
    """The broker that was at `"127.0.0.1:PORT"` last, dead or alive; None where there was none of this user's."""
    try:
        make_private(_folder())
    except OSError:  # somebody else's, who may have put anything into it
        return None
    broker = read_broker(_signpost(address))
    return broker if broker is not None and broker.address == address else None


def _folder() -> Path:
    return Path(tempfile.gettempdir(), f"flask-kafka-events-{os.getuid()}")


def _signpost(address: str) -> Path:
    return _folder() / f"{address.rpartition(':')[2]}.json"
