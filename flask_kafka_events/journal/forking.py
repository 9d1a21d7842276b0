"""Keeps a fork from copying SQLite's mutexes while a thread holds them."""

import os
from _thread import RLock
from contextlib import AbstractContextManager
from typing import Final, TypeAlias
from weakref import WeakSet

#: Held by whoever is inside SQLite with one file.
Entrance: TypeAlias = AbstractContextManager[bool]

_entrances: Final["WeakSet[RLock]"] = WeakSet()
# Held while an entrance is added, and by a fork from its first look at them to its end.
_register: Final = RLock()
_entered: Final["list[RLock]"] = []
_is_guarded: Final[list[bool]] = []


def entrance() -> Entrance:
    """A new file's way into SQLite, for which forks wait from now on; uWSGI forks in C, past this.

    In a fork child the thread that is inside wouldn't exist, and the child's first write would wait for ever (one beside
    a busy poller did). Each file has one of its own, so that no emit waits while the poller checks a large file of a dead
    process. Re-entrant: a signal handler that emits may interrupt the thread that holds it.

    A lock of the system's threads, also under gevent: there only the hub's thread and the one in which `native.OffHub`
    works take it. The hub's thread never gives way to another greenlet while it holds one, so the other thread waits for
    one call of SQLite at most; and that has no other lock and waits for no greenlet, so the hub's thread gets it in the
    end. That thread waits only for a file which is checked, copied or closed: nobody emits to such a file any more. A
    fork is the exception, and lasts as long as that work.
    """
    # At the first use and not at import.
    if not _is_guarded:
        _is_guarded.append(True)
        os.register_at_fork(before=_enter_all, after_in_parent=_leave_all, after_in_child=_leave_all)
    made = RLock()
    with _register:
        _entrances.add(made)
    return made


def _enter_all() -> None:
    _register.acquire()
    _entered[:] = _entrances
    for each in _entered:
        each.acquire()


def _leave_all() -> None:
    for each in _entered:
        each.release()
    _entered.clear()
    _register.release()
