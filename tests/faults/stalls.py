"""`python -m tests.faults.stalls`: how long a gevent worker's hub pauses at most, with a broker and without."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from flask_kafka_events.embedded import join
from tests.servers.served import TOPIC
from tests.servers.stalls import LARGE, NOWHERE, Run, make_large, run

RUNS = 5
LIMIT = 20.0
MEMORY, JOURNAL, ADOPTING = "memory", "journal", f"journal, {LARGE:,} adopted"
LINE = "{:24}  {:6}  {:>10}  {:>10}"


def main() -> int:
    """Print the longest pauses in milliseconds, each the median of some runs; 1 where one is too long."""
    sys.stdout.write(LINE.format("mode", "broker", "serving ms", "at exit ms") + "\n")
    worst = 0.0
    with tempfile.TemporaryDirectory() as name, join(Path(name) / "broker", linger=0.3) as lease:
        lease.create_topic(TOPIC)
        large = make_large(Path(name) / "0.journal")
        for mode in (MEMORY, JOURNAL, ADOPTING):
            for broker, address in (("alive", lease.address), ("dead", NOWHERE)):
                serving, closing = _medians(_runs(mode, address, Path(name) / f"{mode}-{broker}", large))
                sys.stdout.write(LINE.format(mode, broker, f"{serving:.1f}", f"{closing:.1f}") + "\n")
                worst = max(worst, serving, closing)
    return int(worst >= LIMIT)


def _runs(mode: str, address: str, folder: Path, large: Path) -> list[Run]:
    folder.mkdir()
    to_adopt = large if mode == ADOPTING else None
    return [
        run(address, folder / str(number), journal=mode != MEMORY, large=to_adopt) for number in range(RUNS)
    ]


def _medians(runs: list[Run]) -> tuple[float, float]:
    """Of a machine that does something else at one moment the median isn't told."""
    return statistics.median(each.serving for each in runs), statistics.median(each.closing for each in runs)


if __name__ == "__main__":
    sys.exit(main())
