"""`KAFKA_EVENTS_JOURNAL`: the directory where records wait on disk."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.setting_values import Place, text, wrong

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no POSIX record locks
    fcntl = None  # type: ignore[assignment]

# Where POSIX locks are kept by a server that may forget them, or by nobody, and SQLite's WAL can't share its memory.
_NETWORK: Final = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.glusterfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "gfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "virtiofs",
    ]
)
# The kernel's own, in which nobody can make a directory to write to.
_KERNELS_OWN: Final = frozenset(["cgroup", "cgroup2", "debugfs", "devpts", "proc", "sysfs", "tracefs"])
#: What is mounted (proc(5), `/proc/pid/mountinfo`).
MOUNTS: Final = Path("/proc/self/mountinfo")


def read_journal_directory(value: object, place: Place, *, mounts: Path = MOUNTS) -> Path:
    """Read an absolute path on a local file system; it need not exist yet.

    Args:
        value: what the config holds.
        place: where.
        mounts: the kernel's table of what is mounted (proc(5), `/proc/pid/mountinfo`).

    Raises:
        ConfigurationError: it is none.
    """
    path = Path(text(os.fspath(value) if isinstance(value, Path) else value, place))
    if not path.is_absolute():
        raise wrong(place, "an absolute path of a directory", str(path))
    if fcntl is None:  # pragma: no cover - as above
        raise ConfigurationError(f"{place} needs POSIX record locks, which this system hasn't. Leave it out.")
    try:
        kind = file_system_of(_resolved(path), mounts)
    except OSError as error:
        raise ConfigurationError(
            f"{place} can't be reached: {error.strerror}. Name a directory on a local disk."
        ) from None
    if kind in _NETWORK:
        raise ConfigurationError(
            f"{place} is on a network file system ({kind}), where neither locks nor SQLite's WAL can be trusted. Name a "
            f"directory on a local disk, a volume of its own for each host."
        )
    if kind in _KERNELS_OWN:
        raise ConfigurationError(
            f"{place} is on {kind}, a file system of the kernel's own that keeps no files. Name a directory on a local disk."
        )
    return path


def _resolved(path: Path) -> Path:
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        path.stat()  # which tells a link to itself: Python before 3.13 raises a RuntimeError as it resolves one, later none
    return path.resolve()


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system that holds a path, or its nearest parent that exists; empty where nobody knows."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    found: dict[Path, str] = {}
    for line in lines:
        mount, _, device = line.partition(" - ")
        # Spaces and the like stand there as octal escapes.
        point = mount.split(" ")[4].encode(errors="surrogateescape").decode("unicode_escape")
        found[Path(point)] = device.split(" ")[0]
    return next((found[each] for each in (path, *path.parents) if each in found), "")
