"""Where the processes of one app find their broker: a directory with two locks and a small file.

`users.lock` is held shared by each user and taken exclusively by a broker that wants to end. `joining.lock` is
held by who joins and by a broker while it clears up, so that nobody can join a broker that is about to go.
`broker.json` names the broker. The kernel drops the locks of a killed process.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flask_kafka_events.app_directory import make_private
from flask_kafka_events.errors import EmbeddedBrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE = 0o700
_RETRY_SECONDS = 0.005


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """A broker as `broker.json` tells it.

    Attributes:
        address: `"127.0.0.1:PORT"`.
        control: path of the Unix socket.
    """

    address: str
    pid: int
    control: str


def meeting_place(directory: Path) -> Rendezvous:
    """The place for a directory: a folder in it, or one under the temporary directory where that can't be.

    Raises:
        EmbeddedBrokerError: neither can be used.
    """
    wanted = directory.resolve()
    with suppress(OSError):
        wanted.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        return _usable(wanted / "embedded-broker")
    # The same for everyone who wants this directory, so that the CLI finds the broker of the workers.
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    spare = Path(tempfile.gettempdir(), f"flask-kafka-events-{os.getuid()}-{digest}")
    try:
        return _usable(spare)
    except OSError as error:
        raise EmbeddedBrokerError(
            f"The embedded broker can use neither {wanted} nor {spare} to meet its users: {error}. "
            "Make one of them a directory that this user owns and can write."
        ) from error


def _usable(folder: Path) -> Rendezvous:
    import fcntl

    make_private(folder)
    # Mode bits tell nothing of a read-only file system or of one without locks, as some container mounts are.
    with tempfile.TemporaryFile(dir=folder) as probe:
        _try_lock(probe.fileno(), fcntl.LOCK_EX)
    return Rendezvous(folder)


def read_broker(file: Path) -> Broker | None:
    """The broker that a file tells of; None where it is missing or damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Broker)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return None


def write_broker(broker: Broker, file: Path) -> None:
    """Let a file tell of a broker, all of it at once."""
    draft = file.with_name(f"broker-{broker.pid}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, msgspec.json.encode(broker))
    finally:
        os.close(descriptor)
    draft.replace(file)


class Rendezvous:
    """The files of one directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._broker = folder / "broker.json"
        self._users = folder / "users.lock"
        self._joining = folder / "joining.lock"

    @contextmanager
    def joining(self, deadline: float) -> Iterator[None]:
        """Keep other users from joining and the broker from ending, for the length of the block."""
        import fcntl

        descriptor = self._lock(self._joining, fcntl.LOCK_EX, deadline)
        try:
            yield
        finally:
            # Unlocked, not only closed: a process forked meanwhile has the descriptor, too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def enter(self, deadline: float) -> int:
        """Become a user; ends when the last copy of the returned descriptor is closed."""
        import fcntl

        return self._lock(self._users, fcntl.LOCK_SH, deadline)

    def announced(self) -> Broker | None:
        """The broker that was announced last, dead or alive; None where the file is missing or damaged."""
        return read_broker(self._broker)

    def announce(self, broker: Broker) -> None:
        """Tell everyone who joins from now on."""
        write_broker(broker, self._broker)

    def withdraw(self, broker: Broker) -> None:
        """Remove what a broker has put here, and nothing of a successor's."""
        if self.announced() == broker:
            self._broker.unlink(missing_ok=True)
        control = Path(broker.control)
        control.unlink(missing_ok=True)
        if control.parent != self.folder:
            with suppress(OSError):
                control.parent.rmdir()

    def in_use(self) -> bool:
        """Whether any process is a user."""
        descriptor = self._try_exclusively(self._users)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def vacate(self, broker: Broker) -> bool:
        """Remove everything, unless somebody uses or joins the broker: then False."""
        joining = self._try_exclusively(self._joining)
        if joining is None:
            return False
        users = self._try_exclusively(self._users)
        if users is not None:
            self.withdraw(broker)
            self._users.unlink(missing_ok=True)
            self._joining.unlink(missing_ok=True)
            os.close(users)
        os.close(joining)
        return users is not None

    def _lock(self, path: Path, operation: int, deadline: float) -> int:
        while True:
            descriptor = _open(path)
            while not _try_lock(descriptor, operation):
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise EmbeddedBrokerError(
                        f"Another process has held the lock {path} for too long. "
                        "See with `fuser` which one it is, end it and try again."
                    )
                time.sleep(_RETRY_SECONDS)
            if _is_at(descriptor, path):
                return descriptor
            os.close(descriptor)

    def _try_exclusively(self, path: Path) -> int | None:
        import fcntl

        try:
            descriptor = _open(path)
        except FileNotFoundError:
            # The whole folder was removed: the broker ends for that reason.
            return None
        if _try_lock(descriptor, fcntl.LOCK_EX):
            return descriptor
        os.close(descriptor)
        return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _try_lock(descriptor: int, operation: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether what was locked still is the file of that name: a broker that ends unlinks its locks."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False
