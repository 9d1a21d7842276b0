"""`python -m tests.faults.power`: a journal's disk as it would be found after a power loss, again and again.

The journal is on an ext4 file system in an image file. What is in the image and not only in the kernel's page cache is
what a disk would hold if the power went now: so the emitting process is stopped, the image copied, and the copy mounted
as after a restart. Every event whose `emit` had returned must be in it. Needs root, loop devices and mkfs.ext4.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_kafka_events.journal.reading import JournalReader
from tests.leash import leashed
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
MEGABYTES: Final = 256
#: Emits in four threads, and writes each event's number once `emit` has returned.
EMITTING: Final = """
import itertools, os, sys, threading, time
from flask import Flask
from flask_kafka_events import KafkaEvents
app = Flask("shop")
app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="127.0.0.1:1", KAFKA_EVENTS_TOPIC="t",
    KAFKA_EVENTS_JOURNAL=sys.argv[1], KAFKA_EVENTS_JOURNAL_SYNC=sys.argv[2])
events, numbers = KafkaEvents(app).for_app(app), itertools.count()
def emit():
    while True:
        number = next(numbers)
        events.emit("sold", {"number": number}, headers={"number": str(number)})
        os.write(1, f"{number}\\n".encode())
        time.sleep(0.001)  # the disk must not be full before the last cut: what waits in memory then is another matter
for _ in range(4):
    threading.Thread(target=emit).start()
"""


def main() -> int:
    """Cut the power in both levels and print what was lost; 1 where `power` lost anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=20, help="how often the power goes, for each level")
    wanted = parser.parse_args()
    if reason := why_not():
        parser.error(reason)
    lost = 0
    for level in ("process", "power"):
        with tempfile.TemporaryDirectory(prefix="journal-power") as folder:
            emitted, losses = cuts(Path(folder), level, wanted.cuts)
        lost = max(losses)
        hit = sum(map(bool, losses))
        sys.stdout.write(
            f"JOURNAL_SYNC={level}: {len(losses)} power losses among {emitted} events, {hit} of them lost events, at worst "
            f"{max(losses)}\n"
        )
    return int(lost > 0)  # the last level is `power`


def cuts(folder: Path, level: str, count: int) -> tuple[int, list[int]]:
    """Emit and cut the power `count` times; how many events there were, and how many of them each cut lost."""
    image, answers = folder / "disk", folder / "answers"
    make_disk(image)
    losses = []
    with mounted(image, folder / "mount") as disk, answers.open("wb") as out:
        command = leashed(sys.executable, "-c", EMITTING, str(disk / "journal"), level)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.DEVNULL)
        try:
            for cut in range(count):
                more = len(answered(answers)) + 50
                wait_until(lambda: len(answered(answers)) > more, "events are emitted", seconds=30)  # noqa: B023
                losses.append(cut_off(process, image, answers, folder / f"copy-{cut}"))
        finally:
            process.kill()
            process.wait()
    return len(answered(answers)), losses


def cut_off(process: subprocess.Popen[bytes], image: Path, answers: Path, copy: Path) -> int:
    """How many events are lost if the power goes now."""
    process.send_signal(signal.SIGSTOP)
    try:
        emitted = answered(answers)
        shutil.copyfile(image, copy)
    finally:
        process.send_signal(signal.SIGCONT)
    with mounted(copy, copy.with_suffix(".mount")) as disk:
        found = kept(disk / "journal")
    copy.unlink()
    return len(emitted - found)


def answered(answers: Path) -> set[str]:
    """The numbers of the events whose emit has returned."""
    return {line for line in answers.read_text().splitlines(keepends=True) if line.endswith("\n")}


def kept(journal: Path) -> set[str]:
    """The numbers of the events in a journal directory's files."""
    found: set[str] = set()
    for path in journal.glob("*/*.journal"):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",), "the file itself is never lost"
            is_made = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'record'").fetchone()[0]
        if is_made:
            with closing(JournalReader(path)) as file:
                headers = [dict(entry.record.headers) for entry in file.records()]
            found |= {f"{each['number'].decode()}\n" for each in headers}
    return found


def make_disk(image: Path) -> None:
    """An empty file system in a file."""
    with image.open("wb") as file:
        file.truncate(MEGABYTES * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """The image's file system, while this lasts."""
    at.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True)
    try:
        yield at
    finally:
        # Busy for a moment where its last user has just been killed.
        unmount = ["umount", str(at)]
        wait_until(lambda: subprocess.run(unmount, check=False).returncode == 0, "it is unmounted")


def why_not() -> str:
    """Why this machine can't mount an image; empty where it can."""
    if shutil.which("mkfs.ext4") is None:
        return "there is no mkfs.ext4: apt-get install e2fsprogs"
    with tempfile.TemporaryDirectory(prefix="journal-power") as folder:
        make_disk(Path(folder, "disk"))
        try:
            with mounted(Path(folder, "disk"), Path(folder, "mount")):
                return ""
        except subprocess.CalledProcessError:
            return "this user, or this container, may not mount a file: run it as root on a machine"


if __name__ == "__main__":
    sys.exit(main())
