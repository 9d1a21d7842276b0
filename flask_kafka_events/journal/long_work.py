"""Where that is done which takes the longer the larger a journal file is."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class DoLong(Protocol):
    """Does some work and gives its result, maybe in another thread; that takes no lock but files' and writes no log."""

    def __call__(self, work: Callable[[], T]) -> T:
        """Do it."""


def at_once(work: Callable[[], T]) -> T:
    """Do it in the caller's thread."""
    return work()
