"""A stream that is killed with -9, Python and Java at once, and started again from its checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from examples.game_api.batch_layer.jobs import environment_variables
from tests.leash import leashed
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from examples.game_api.batch_layer.jobs import Job

START_SECONDS: Final = 300

#: When a stream may be killed: in the middle of a batch, with its totals written but the batch not committed, after it.
MOMENTS: Final = ("begun", "written", "committed")


def run_until(job: Job, moment: str, batch: int, log: Path) -> None:
    """Start a stream and kill it as this batch is at this moment.

    Raises:
        TimeoutError: it never was.
    """
    is_there = at_moment(job, moment, batch)
    with log.open("wb") as said:
        process = subprocess.Popen(
            leashed(*job.command()), env=environment_variables(), stdout=said, stderr=said, start_new_session=True
        )  # fmt: skip
    try:
        wait_until(lambda: is_there() or process.poll() is not None, f"batch {batch} is {moment}",
                   seconds=START_SECONDS)  # fmt: skip
        if process.poll() is not None:
            raise RuntimeError(
                f"The stream ended before batch {batch} was {moment}:\n{log.read_text()[-4000:]}"
            )
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def at_moment(job: Job, moment: str, batch: int) -> Callable[[], bool]:
    """Whether a batch is at a moment, as the checkpoint and the totals tell from outside."""
    offsets, commit = (job.checkpoint / each / str(batch) for each in ("offsets", "commits"))

    def is_written() -> bool:
        if not (offsets.exists() and job.results.exists()):
            return False
        return job.results.stat().st_mtime_ns > offsets.stat().st_mtime_ns

    return {"begun": offsets.exists, "written": is_written, "committed": commit.exists}[moment]
