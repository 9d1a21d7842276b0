"""`python -m benchmarks.instructions`: how many instructions an event takes, counted by callgrind.

The same code gives the same count to less than 0.1 %, on a noisy machine too. There is no broker: the producer takes
everything at once, and acknowledges it after the last event, in the same thread, so that an event's end is counted too.
Each count is shown as a ratio to that of an event as one would write it by hand, which holds for other builds of Python
too. `KEPT` says what each was last; `--keep` writes it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from flask import Flask

from benchmarks.parts import parts_of
from benchmarks.peers import rich_event
from benchmarks.shops import NOWHERE, again, asking, bare, calling, selling
from flask_kafka_events import KafkaEvents
from tests.parts import why_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.blocks import Run

EVENTS: Final = 500
#: The ratios that `tests/benchmarks` holds the code to, by Python's version.
KEPT: Final = Path(__file__).with_name("instructions.json")
#: What a ratio may be above its kept one: a share of it, and what another place of the same code in memory makes of it.
SLACK: Final = (1.03, 0.05)

_FLOOR: Final = "handwritten"
_TOTALS: Final = re.compile(r"^totals: (\d+)", re.MULTILINE)


class _Stored:
    """What a delivery report says of every event."""

    @staticmethod
    def partition() -> int:
        return 0

    @staticmethod
    def offset() -> int:
        return 0


class _Taker:
    """A producer that takes everything."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._waiting: list[Callable[..., object]] = []

    def produce(self, *_event: object, on_delivery: Callable[..., object], **_how: object) -> None:
        self._waiting.append(on_delivery)

    def acknowledge(self) -> None:
        """Report all that was taken, and what is released by that."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            for report in waiting:
                report(None, _Stored)

    def poll(self, _timeout: float) -> None:
        self._ended.wait(60)  # not as short as it is asked for: its turns would be counted too

    def flush(self, _timeout: float) -> None:
        pass

    def purge(self) -> None:
        self._ended.set()

    def __len__(self) -> int:
        return 0


def counted() -> dict[str, float]:
    """Instructions an event, of each variant."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={folder}/out",
            "--dump-before=getpgid",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            [*command, sys.executable, "-m", "benchmarks.instructions", "--as-child"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr)
        # The first is what went before; then each variant's run, and the way to the next one's.
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        counts = [int(_TOTALS.search(dump.read_text())[1]) for dump in dumps]  # type: ignore[index]
    return {name: count / EVENTS for name, count in zip(_variants(), counts[1::2], strict=True)}


def ratios(counts: dict[str, float]) -> dict[str, float]:
    """Each variant's, as a ratio to the floor; of a request what the event adds to it."""
    floor = counts[_FLOOR]
    return {
        "a decorated event": round(counts["decorated"] / floor, 3),
        "added to a request": round((counts["request"] - counts["bare request"]) / floor, 3),
        "added to a request without an event": round(
            (counts["undecorated request"] - counts["bare request"]) / floor, 3
        ),
    }


def allowed(ratio: float) -> float:
    """The most that a ratio may be of which this was kept."""
    share, more = SLACK
    return share * ratio + more


def kept() -> dict[str, float]:
    """The ratios that were kept for this Python; none for a version that nobody has counted with."""
    return msgspec.json.decode(KEPT.read_bytes(), type=dict[str, dict[str, float]]).get(_python(), {})


def _variants() -> dict[str, Run]:
    app = Flask("bench")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=NOWHERE, KAFKA_EVENTS_TOPIC="bench")
    taker: Any = _Taker()
    KafkaEvents(app, producer=lambda _config, **_how: taker)
    selling(app)
    app.get("/plain")(lambda: "sold")

    def to_its_end(run: Run) -> Run:
        def run_all(times: int) -> None:
            run(times)
            taker.acknowledge()

        return run_all

    return {
        _FLOOR: to_its_end(again(rich_event(taker))),
        "decorated": to_its_end(calling(app)),
        "bare request": asking(bare()),
        "request": to_its_end(asking(app)),
        "undecorated request": asking(app, "/plain"),
        **parts_of(app),
    }


def _be_counted() -> None:
    variants = _variants()
    for run in variants.values():
        run(50)  # what is done once isn't the event's
    for run in variants.values():
        os.getpgid(0)
        run(EVENTS)
        os.getpgid(0)
    os._exit(0)


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the ratios, for the test")
    parser.add_argument("--as-child", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if why_not := why_missing("valgrind"):
        parser.error(why_not)
    if wanted.as_child:
        _be_counted()
    counts = counted()
    found = ratios(counts)
    for name, count in counts.items():
        sys.stdout.write(f"{name:58} {count:10,.0f} instructions\n")
    for name, ratio in found.items():
        sys.stdout.write(f"{name:58} {ratio:10.3f} times the handwritten one (kept: {kept().get(name)})\n")
    if wanted.keep:
        known = msgspec.json.decode(KEPT.read_bytes()) if KEPT.exists() else {}
        KEPT.write_bytes(msgspec.json.format(msgspec.json.encode({**known, _python(): found})) + b"\n")


if __name__ == "__main__":
    main()
