"""Limits of the process, lowered for a while: a disk without room, no descriptor left, no right to read what it likes."""

import ctypes
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as if the disk were full."""
    with _lowered(resource.RLIMIT_FSIZE, size):
        yield


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Every descriptor must be below `count`."""
    with _lowered(resource.RLIMIT_NOFILE, count):
        yield


# Linux, capability.h and capabilities(7): what lets root pass over the rights of files.
_VERSION_3 = 0x20080522
_DAC_OVERRIDE_AND_READ_SEARCH = 0b110


@contextmanager
def rights_of_files_kept() -> Iterator[None]:
    """For this thread the rights of files hold, be it root's."""
    if sys.platform != "linux":  # pragma: no cover - root isn't who runs the tests elsewhere
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, rights = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, rights) == 0
    before = rights[0]
    rights[0] &= ~_DAC_OVERRIDE_AND_READ_SEARCH
    assert libc.capset(header, rights) == 0
    try:
        yield
    finally:
        rights[0] = before
        assert libc.capset(header, rights) == 0


@contextmanager
def _lowered(limit: int, value: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(limit, (soft, hard))
