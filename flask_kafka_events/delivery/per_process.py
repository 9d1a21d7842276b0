"""The way to the right one after a fork."""

import os
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Gives each process its own `T`, made at its first use there.

    The parent's is kept for ever in a fork child and never touched: librdkafka's threads don't survive `fork()`, yet
    `produce()` there still succeeds, and nothing is ever sent (0 of 40 events under `gunicorn --preload`).
    """

    def __init__(self, make: Callable[[], T], attached: Iterable[Callable[[T], object]] = ()) -> None:
        self._make = make
        self._by_pid: dict[int, T] = {}
        self._attach = list(attached)

    def current(self) -> T:
        """The calling process's own."""
        # The pid and not os.register_at_fork, which uWSGI doesn't run; a dict and no lock, which a fork could copy
        # while it is held. Where two threads make one each, setdefault keeps the first.
        pid = os.getpid()
        try:
            return self._by_pid[pid]
        except KeyError:
            made = self._make()
            if pid not in self._by_pid:
                # Before anybody else sees it: what they emit or ask in between would be watched by nobody. So one that
                # is made in vain at the same moment gets it too, and is let go.
                for attach in self._attach:
                    attach(made)
            return self._by_pid.setdefault(pid, made)

    def made(self) -> T | None:
        """The calling process's own, where there is one already."""
        return self._by_pid.get(os.getpid())

    def like(self, make: Callable[[], T]) -> "PerProcess[T]":
        """Others, made by `make`, each of which gets what has been attached to these."""
        return PerProcess(make, self._attach)

    def attach(self, attach: Callable[[T], object]) -> None:
        """Call this with the calling process's own, and with that of every later process as it is made."""
        mine = self.current()
        self._attach.append(attach)
        attach(mine)
