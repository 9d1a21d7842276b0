"""`python -m tests.side_by_side`: the suite in two halves at once, one of which mostly computes while the other waits.

Each is a run of pytest like any other, with its rings one after the other. What coverage measured in both is put together
at the end; the second one's output comes in one piece, when both have ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Final

from tests.rings import RINGS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

COMPUTING: Final = ("unit", "harness", "benchmarks", "packaging", "long")
WAITING: Final = tuple(ring for ring in RINGS if ring not in COMPUTING)
COVERAGE: Final = (sys.executable, "-m", "coverage")


def main() -> int:
    """Run both; 1 where one of them failed, or some of the package was never run."""
    with tempfile.TemporaryFile() as later:
        waiting = start("waiting", WAITING, later)
        computing = start("computing", COMPUTING, None)
        failed = [computing.wait() != 0, waiting.wait() != 0]
        later.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(later.read())
        sys.stdout.flush()
    files = [file_of(half) for half in ("computing", "waiting")]
    subprocess.run([*COVERAGE, "combine", "--quiet", *files], check=True)
    failed.append(subprocess.run([*COVERAGE, "report"], check=False).returncode != 0)
    return int(any(failed))


def start(half: str, rings: Sequence[str], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start pytest for some rings."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--cov", "--cov-report=", "--cov-fail-under=0", "--durations=15",
         *(f"tests/{ring}" for ring in rings)],
        env={**os.environ, "COVERAGE_FILE": file_of(half)}, stdout=output, stderr=output,
    )  # fmt: skip


def file_of(half: str) -> str:
    """Where coverage keeps what it measured in one of them."""
    return f".coverage-{half}"


if __name__ == "__main__":
    sys.exit(main())
