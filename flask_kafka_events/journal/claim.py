"""Whose a journal file is: a POSIX record lock on a file beside it, which the kernel drops when its owner dies."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

# What this process holds, by pid. Closing any descriptor on a file drops the process's POSIX lock on it, so a lock file
# that is ours, be it another app's of this process, must never be opened again: this is state of the process. A fork
# child inherits the entries of its parent, where they mean nothing.
_held: Final[dict[tuple[int, Path], object]] = {}
# In place of a descriptor, whose number may be another's by now.
_RELEASED: Final = -1


class Claim:
    """The sole right to a journal file, until `release` or the death of the process.

    Not `flock`, which a fork child inherits: it would keep its dead parent's file locked.
    """

    def __init__(self, path: Path, descriptor: int, token: object) -> None:
        self.path = path
        self._descriptor = descriptor
        self._token = token

    def is_in_place(self) -> bool:
        """Whether the lock file is where it was made: where somebody has deleted it, others take the file for nobody's."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), self.path.lstat())
        return False

    def is_lost(self) -> bool:
        """Whether another process has the right, now that the lock file is gone; where none has, it is made again.

        What was released is lost, too.

        Raises:
            OSError: it can't be made.
        """
        if self._descriptor == _RELEASED:
            return True
        with suppress(NotADirectoryError):
            descriptor = _locked(self.path, os.O_CREAT)
            if descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = descriptor
                return False
        return self.path.exists()  # else the directory is gone

    def release(self, *, remove: bool = False) -> None:
        """Give the right up; with `remove` the lock file goes too. Again, or in a fork child, it does nothing."""
        mine = os.getpid(), self.path
        if _held.get(mine) is not self._token:
            return
        if remove and self.is_in_place():  # else it is another's
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)
        self._descriptor = _RELEASED
        del _held[mine]


def take(path: Path, *, create: bool = False) -> Claim | None:
    """Claim what the lock file `path` stands for; None while anybody has it, in this process or another.

    Args:
        path: the lock file's, absolute.
        create: make the file; without it, a missing one gives None.

    Raises:
        OSError: it can't be opened.
    """
    token = object()
    mine = os.getpid(), path
    if _held.setdefault(mine, token) is not token:
        return None
    try:
        descriptor = _locked(path, os.O_CREAT if create else 0)
    except BaseException:
        del _held[mine]
        raise
    if descriptor is None:
        del _held[mine]
        return None
    return Claim(path, descriptor, token)


def is_taken(path: Path) -> bool:
    """Whether a living process has the claim that the lock file `path` stands for.

    Raises:
        OSError: it can't be opened.
    """
    if not path.exists():
        return False
    claim = take(path)
    if claim is not None:
        claim.release()
    return claim is None


def is_inherited(path: Path) -> bool:
    """Whether this process was forked from one that held the claim."""
    return any(held == path and pid != os.getpid() for pid, held in tuple(_held))


def _locked(path: Path, create: int) -> int | None:
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | create, 0o600)
    except FileNotFoundError:
        return None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # An owner that has nothing left removes it: then what was locked isn't at this path any more.
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            return descriptor
    os.close(descriptor)
    return None
