"""`python -m tests.faults`: the whole table of faults, on three real brokers."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.account import table
from tests.faults.stage import ALL_ROWS, staged
from tests.faults.subject import MODES


def main() -> int:
    """Run the rows that are asked for and print their table; 1 where one is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the rows too that take minutes")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows whose names contain one of these")
    parser.add_argument("--mode", choices=MODES, help="one column instead of both")
    wanted = parser.parse_args()
    modes = (wanted.mode,) if wanted.mode else MODES
    rows = [row for row in ALL_ROWS if _is_wanted(row.name, wanted.only) and (wanted.long or not row.long)]
    began = time.monotonic()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="kafka-cluster0") as folder, staged(Path(folder), modes) as stage:
        for row in rows:
            _say(f"{row.name} ...")
            outcomes += stage.run(row)
    sys.stdout.write(table(outcomes) + "\n")
    sys.stdout.write(f"{len(rows)} faults in {time.monotonic() - began:.0f} s\n")
    return int(any(not each.verdict.startswith("ok") for each in outcomes))


def _is_wanted(name: str, only: list[str] | None) -> bool:
    return only is None or any(part in name for part in only)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
