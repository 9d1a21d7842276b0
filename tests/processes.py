"""Processes from outside: waiting for conditions, whether one runs, what its log tells."""

from __future__ import annotations

import os
import re
import subprocess
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


def losses_told(log: str) -> int:
    """How many events the log of an app names as lost, or as undecided at its end."""
    return sum(map(int, re.findall(r"(\d+) event\(s\) (?:lost|were undecided)", log)))


def without_make() -> dict[str, str]:
    """The environment for a `make` that doesn't belong to the one that may run these tests."""
    return {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }


def is_running(process: int) -> bool:
    """Whether a process lives; one that ended and that nobody has waited for doesn't."""
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], stdout=subprocess.PIPE, text=True, check=False
    )
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")
