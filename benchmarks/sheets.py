"""What was measured: figures of several variants that took turns, and all of them with the machine they come from."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import confluent_kafka
import msgspec

_PACKAGES = (
    "confluent-kafka",
    "flask",
    "werkzeug",
    "blinker",
    "msgspec",
    "uuid-utils",
    "kafka-python",
    "gunicorn",
    "flask-and-kafka",
    "opentelemetry-instrumentation-flask",
)


class Sheet(msgspec.Struct, kw_only=True):
    """One row of figures.

    Attributes:
        unit: of all of them.
        figures: those of each variant, in the order in which they were taken; the same number of each.
    """

    unit: str
    figures: dict[str, list[float]]

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit == "1/s"

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
        commit: of the code, with a plus where it was changed; empty where that isn't known.
        machine: what it ran on.
        versions: of everything that has a say in it.
        sheets: by their names, `"row, clock"`.
    """

    taken: str
    commit: str = ""
    machine: str
    versions: dict[str, str]
    sheets: dict[str, Sheet] = {}

    @classmethod
    def begin(cls) -> Report:
        """An empty one, of here and now."""
        return cls(
            taken=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            commit=_commit(),
            machine=f"{os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.release()}",
            versions={
                "python": platform.python_version(),
                "librdkafka": confluent_kafka.libversion()[0],
                **{name: version(name) for name in _PACKAGES},
            },
        )

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """One that was saved."""
        return msgspec.json.decode(Path(path).read_bytes(), type=cls)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository: an sdist
        return ""


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return platform.machine() if found is None else found[1]
