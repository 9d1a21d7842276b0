"""A person's terminal: lines are typed into a shell, and what it prints is read."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.leash import leashed

PROMPT = "ready> "


class Terminal:
    """A shell behind a terminal of its own, so that Ctrl-C reaches what runs in it."""

    def __init__(self, screen: int) -> None:
        self._screen = screen
        self._unread = ""
        self.wait_for(re.escape(PROMPT) + "$")
        self.run("stty -echo")

    def run(self, line: str, *, seconds: float = 180) -> str:
        """Type a line, wait for the prompt, and give what was printed before it."""
        self.type(line + "\n")
        printed = self.wait_for(r"(\(\.venv\) )?" + re.escape(PROMPT) + "$", seconds=seconds)
        return re.sub(r"(\(\.venv\) )?" + re.escape(PROMPT) + "$", "", printed)

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._screen, text.encode())

    def wait_for(self, pattern: str, *, seconds: float = 60) -> str:
        """Read until the pattern is there, and give all that was printed since the last time.

        Raises:
            TimeoutError: it wasn't there in time.
        """
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self._unread):
            if not select.select([self._screen], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{pattern!r} wasn't printed in {seconds:g} s, but {self._unread!r}")
            self._unread += os.read(self._screen, 65_536).decode().replace("\r\n", "\n")
        printed, self._unread = self._unread, ""
        return printed


@contextmanager
def terminal(folder: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal in a folder, closed at the end with all that runs in it."""
    screen, keys = os.openpty()
    shell = subprocess.Popen(
        leashed("setsid", "--ctty", "bash", "--norc", "--noprofile", "--noediting", "-i"),
        cwd=folder, env={**environment, "PS1": PROMPT, "TERM": "dumb"},
        stdin=keys, stdout=keys, stderr=keys,
    )  # fmt: skip
    os.close(keys)
    try:
        yield Terminal(screen)
    finally:
        os.close(screen)  # the shell and what runs in it get SIGHUP
        try:
            shell.wait(20)
        finally:
            shell.kill()
