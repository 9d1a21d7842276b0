"""Limits of the process, lowered for a while: a disk without room, no descriptor left."""

import resource
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


@contextmanager
def _lowered(limit: int, value: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(limit, (soft, hard))
