"""A leashed program dies with the tests that started it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.leash import leashed
from tests.processes import is_running, wait_until

STARTS_ONE = """
import subprocess, sys
from tests.leash import leashed
print(subprocess.Popen(leashed("sleep", "60")).pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's PR_SET_PDEATHSIG is Linux's own")
def test_it_dies_with_its_killed_parent() -> None:
    """Where the parent is killed with -9, which no handler sees, the program is killed too."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        program = int(parent.stdout.readline())
        assert is_running(program)
        parent.kill()

    wait_until(lambda: not is_running(program), "the program is gone")


def test_it_does_not_start_for_a_dead_parent() -> None:
    """A program whose starter is gone already ends at once instead of running for nobody."""
    command = leashed("sleep", "60")
    command[command.index(str(os.getpid()))] = "1"

    assert subprocess.run(command, check=False, timeout=10).returncode == 1


def test_wait_until_says_what_it_waited_for() -> None:
    """A condition that never comes is a time-out with its name."""
    with pytest.raises(TimeoutError, match="in vain until pigs fly"):
        wait_until(lambda: False, "pigs fly", seconds=0.02)
