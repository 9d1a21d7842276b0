"""What was measured: figures of several variants that took turns, and all of them with the machine they come from."""

from __future__ import annotations

import os
import platform
import statistics
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class Sheet(msgspec.Struct, kw_only=True):
    """One row of figures.

    Attributes:
        unit: of all of them.
        figures: those of each variant, in the order in which they were taken; the same number of each.
    """

    unit: str
    figures: dict[str, list[float]]

    def median(self, name: str) -> float:
        """The middle one of a variant's figures."""
        return statistics.median(self.figures[name])

    def added(self, name: str, to: str) -> float:
        """By how much a variant's figures exceed the baseline's neighbouring ones: the middle one of the differences."""
        pairs = zip(self.figures[name], self.figures[to], strict=True)
        return statistics.median(one - other for one, other in pairs)

    def ratio(self, name: str, to: str) -> float:
        """How many times a variant is another: the middle one of the ratios of neighbours."""
        pairs = zip(self.figures[name], self.figures[to], strict=True)
        return statistics.median(one / other for one, other in pairs)


class Report(msgspec.Struct, kw_only=True):
    """One run of the benchmarks.

    Attributes:
        taken: when, in UTC.
        machine: what it ran on.
        versions: of everything that has a say in it.
        sheets: by their names, `"row, clock"`.
    """

    taken: str
    machine: str
    versions: dict[str, str]
    sheets: dict[str, Sheet] = {}

    @classmethod
    def begin(cls) -> Report:
        """An empty one, of here and now."""
        packages = ("flask", "werkzeug", "blinker", "confluent-kafka", "kafka-python", "msgspec")
        return cls(
            taken=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            machine=f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
            versions={"python": platform.python_version(), **{name: version(name) for name in packages}},
        )

    @classmethod
    def load(cls, path: Path) -> Report:
        """One that was saved."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
