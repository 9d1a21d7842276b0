"""Joining the embedded broker, and leaving it."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.errors import EmbeddedBrokerError
from flask_kafka_events.log_line import Line

from .cluster import librdkafka_path
from .control import Ping, ask
from .remote_control import RemoteControl
from .rendezvous import Broker, Rendezvous, meeting_place

if TYPE_CHECKING:
    from types import TracebackType

_PACKAGE = Path(__file__).parent.parent

# Not `-m flask_kafka_events.embedded.child`: that imports the package itself and Flask with it, 0.3 s more.
# So the child gets an empty package of that name, and our sys.path, whatever it was made of.
# The fork makes it an orphan: nobody has to reap it, and a server that counts its children isn't confused.
_START = """
import json, os, sys, types
if os.fork():
    os._exit(0)
sys.path[:] = json.loads(sys.argv[1])
package = types.ModuleType("flask_kafka_events")
package.__path__ = [sys.argv[2]]
sys.modules["flask_kafka_events"] = package
from flask_kafka_events.embedded.child import main
main(*sys.argv[3:])
"""


def join(
    directory: Path,
    *,
    log: AppLog | logging.Logger | None = None,
    linger: float = 5.0,
    start_seconds: float = 10.0,
) -> Lease:
    """Use the embedded broker of a directory, which is started if there is none.

    All processes of this user that join the same directory share one broker. It keeps its events in memory,
    for as long as it has a user and a little longer, so that a code reload doesn't lose them.

    Args:
        directory: the app's instance folder; the files go into `embedded-broker` there, or into a directory
            of their own under the temporary one where that can't be written.
        log: gets one warning with the broker's address; the logger `flask_kafka_events` by default.
        linger: seconds without a user after which the broker ends; only who starts it decides.
        start_seconds: how long it may take.

    Raises:
        EmbeddedBrokerError: there is no `fcntl` or no librdkafka, or the broker didn't come up.

    .. versionadded:: 0.1
    """
    if importlib.util.find_spec("fcntl") is None:
        raise EmbeddedBrokerError(
            "The embedded broker needs file locks that this platform doesn't have (no module fcntl). "
            "Set KAFKA_EVENTS_BOOTSTRAP_SERVERS to a real broker, Apache Kafka in a container for example."
        )
    deadline = time.monotonic() + start_seconds
    place = meeting_place(directory)
    with place.joining(deadline):
        descriptor = place.enter(deadline)
        try:
            broker = _living(place, start_seconds) or _start(place, linger, start_seconds)
        except BaseException:
            os.close(descriptor)
            raise
    ours = log if isinstance(log, AppLog) else AppLog(lambda: log or logging.getLogger("flask_kafka_events"))
    line = Line("embedded_broker", about=broker.address)
    ours.warning("embedded broker at %s (in memory, for development)", line.about, line=line)
    return Lease(broker, descriptor)


def _living(place: Rendezvous, seconds: float) -> Broker | None:
    broker = place.announced()
    if broker is None:
        return None
    try:
        ask(broker.control, Ping(), within=seconds)
    except TimeoutError as error:
        raise EmbeddedBrokerError(
            f"The embedded broker at {broker.address} doesn't answer. "
            f"End its process, {broker.pid}, and try again."
        ) from error
    except (FileNotFoundError, ConnectionError):
        # It was killed and could not clear up.
        place.withdraw(broker)
        return None
    return broker


def _start(place: Rendezvous, linger: float, seconds: float) -> Broker:
    search_path = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
    command = [_interpreter(), "-I", "-S", "-c", _START, search_path, str(_PACKAGE)]
    command += [str(place.folder), librdkafka_path(), str(linger)]
    try:
        # Returns when the broker lets go of its stderr, once it is up, or dies.
        started = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _not_up(f"in {seconds:g} s", error.stderr) from error
    broker = place.announced()
    if broker is None:
        raise _not_up("and ended", started.stderr)
    return broker


def _not_up(how: str, stderr: bytes | None) -> EmbeddedBrokerError:
    said = (stderr or b"").decode(errors="replace").strip()[-1000:] or "nothing"
    return EmbeddedBrokerError(
        f"The embedded broker didn't come up {how}. It said: {said}. "
        "Try again, or set KAFKA_EVENTS_BOOTSTRAP_SERVERS to a real broker."
    )


def _interpreter() -> str:
    # Under uWSGI and in other programs that embed Python, sys.executable is not a Python.
    if Path(sys.executable or "").name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.exec_prefix, "bin", "python3"))


class Lease(RemoteControl):
    """A user's hold on the embedded broker: it lives at least until `release`.

    A forked process shares the hold of its parent. It ends, too, when the lease is collected or the process
    dies.

    Attributes:
        address: `"127.0.0.1:PORT"`, for `bootstrap.servers`.
        pid: of the broker's process.

    .. versionadded:: 0.1
    """

    def __init__(self, broker: Broker, descriptor: int) -> None:
        super().__init__(broker)
        # Closed, not unlocked: a forked process that leaves must not end the hold of its parent.
        self._release = weakref.finalize(self, os.close, descriptor)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Leave the broker; a second call does nothing."""
        self._release()
