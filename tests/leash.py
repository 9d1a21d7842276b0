"""A command that the kernel kills when its parent dies, however that dies.

For the long-lived programs of the tests: no `kill -9` of pytest leaves one behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become the command, on the leash of the parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the setting survives exec, which is the point


def leashed(*command: str) -> list[str]:
    """The command line that runs a command on this process's leash."""
    return [sys.executable, "-S", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
