"""`python -m tests.side_by_side`: the suite in two halves at once, one of which mostly computes while the other waits.

Each is a run of pytest like any other, with its rings one after the other. What coverage measured in both is put together
at the end; what the second one says is in a file meanwhile, and comes in one piece.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.rings import RINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPUTING: Final = ("unit", "harness", "kafka", "benchmarks", "engines", "long")
WAITING: Final = tuple(ring for ring in RINGS if ring not in COMPUTING)
LOG: Final = Path(".cache/waiting.log")
COVERAGE: Final = (sys.executable, "-m", "coverage")
INTERRUPTED: Final = 130


def main() -> int:
    """Run both; 1 where one of them failed, or some of the package was never run."""
    LOG.parent.mkdir(exist_ok=True)
    say(f"Two halves at once: {', '.join(COMPUTING)} here, {', '.join(WAITING)} in {LOG}.")
    with LOG.open("wb") as log:
        halves = {
            "computing": start("computing", COMPUTING, None),
            "waiting": start("waiting", WAITING, log.fileno()),
        }
    try:
        codes = {half: process.wait() for half, process in halves.items()}
    except KeyboardInterrupt:  # they have had it too, and put their things away
        for process in halves.values():
            with suppress(KeyboardInterrupt):
                process.wait()
        return INTERRUPTED
    finally:
        with LOG.open("rb") as log:
            shutil.copyfileobj(log, sys.stdout.buffer)
        sys.stdout.flush()
    say("".join(f"The half {half!r} ended with {code}.\n" for half, code in codes.items()))
    codes["combine"] = subprocess.run(
        [*COVERAGE, "combine", "--quiet", *map(file_of, halves)], check=False
    ).returncode
    codes["report"] = subprocess.run([*COVERAGE, "report"], check=False).returncode
    return int(any(codes.values()))


def say(text: str) -> None:
    """Print it before what comes from others."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def start(half: str, rings: Sequence[str], output: int | None) -> subprocess.Popen[bytes]:
    """Start pytest for some rings."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--cov", "--cov-report=", "--cov-fail-under=0",
         *(f"tests/{ring}" for ring in rings)],
        env={**os.environ, "COVERAGE_FILE": file_of(half)}, stdout=output, stderr=output,
    )  # fmt: skip


def file_of(half: str) -> str:
    """Where coverage keeps what it measured in one of them."""
    return f".coverage-{half}"


if __name__ == "__main__":
    sys.exit(main())
