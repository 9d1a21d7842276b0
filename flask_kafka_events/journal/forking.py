"""Keeps a fork from copying SQLite's mutexes while a thread holds them."""

import os
import threading
from typing import Final

#: Whoever is inside SQLite holds it, and a fork waits for it: in a child the holder's thread wouldn't exist, and its first
#: write would wait for ever (a fork beside a busy poller did). Re-entrant: a signal handler that emits
#: may interrupt the thread that holds it.
in_sqlite: Final = threading.RLock()
_is_guarded: Final[list[bool]] = []


def guard_forks() -> None:
    """Have forks wait from now on; called at the first use and not at import. uWSGI forks in C, past this."""
    if not _is_guarded:
        _is_guarded.append(True)
        os.register_at_fork(
            before=in_sqlite.acquire, after_in_parent=in_sqlite.release, after_in_child=in_sqlite.release
        )
