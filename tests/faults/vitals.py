"""What a process and a journal directory take, as the kernel tells it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """Of one process at one moment.

    Attributes:
        memory: resident bytes.
        peak: the most there were since `forget_peak`.
        descriptors: open files and sockets.
        threads: Python's and librdkafka's.
    """

    memory: int
    peak: int
    descriptors: int
    threads: int


def vitals(process: int) -> Vitals:
    """Of a living process.

    Raises:
        OSError: it is none.
    """
    lines = (PROC / str(process) / "status").read_text().splitlines()
    words = dict(line.split(":", 1) for line in lines)
    return Vitals(
        memory=1024 * int(words["VmRSS"].split()[0]),
        peak=1024 * int(words["VmHWM"].split()[0]),
        descriptors=len(list((PROC / str(process) / "fd").iterdir())),
        threads=int(words["Threads"]),
    )


def forget_peak(process: int) -> None:
    """Let the peak be counted from now on (proc(5), `/proc/pid/clear_refs`)."""
    (PROC / str(process) / "clear_refs").write_text("5")


def children(process: int) -> list[int]:
    """The processes that it started and that still run, oldest first."""
    return [int(word) for word in (PROC / f"{process}/task/{process}/children").read_text().split()]


def disk_use(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total = 0
    for each in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a journal that its owner has just removed
            total += 512 * each.stat().st_blocks
    return total
