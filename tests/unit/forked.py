"""Work in a forked child of pytest's own process, which leaves past all that pytest would do at its exit."""

import json
import os
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Any

#: Seconds after which the kernel ends a child that hangs.
PATIENCE = 30


def forked(work: Callable[[], object], *, leave: Callable[[], object] = lambda: None) -> Any:
    """What `work` returns in a child that then calls `leave`, or else `os._exit`.

    Raises:
        AssertionError: it raised there.
    """
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        try:
            signal.alarm(PATIENCE)
            said = {"result": work()}
        except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as pytest
            said = {"error": traceback.format_exc()}
        os.write(writing, json.dumps(said).encode())
        try:
            leave()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = json.load(pipe)
    os.waitpid(child, 0)
    assert "error" not in told, told["error"]
    return told["result"]


def fork() -> int:
    """`os.fork`, which Python 3.12 and later warn of where there are threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
