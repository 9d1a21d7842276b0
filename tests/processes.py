"""Waiting for conditions, and asking whether a process runs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 10.0) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: after `seconds`, with `what` had been waited for.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:g} s in vain until {what}.")
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Whether there is a process of this id, be it a zombie."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
