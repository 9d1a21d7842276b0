"""Spark's own environment: PySpark (450 MB installed) and the jars of its source for Kafka, made once for each version."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
CACHE: Final = ROOT / ".cache" / "spark"
POM: Final = Path(__file__).with_name("pom.xml")
LOCK: Final = ROOT / "requirements" / "batch_layer.txt"
BUILD_LOCK: Final = ROOT / "requirements" / "dev.txt"
MAKING_SECONDS: Final = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class SparkEnvironment:
    """Where Spark is.

    Attributes:
        directory: where all of it is.
    """

    directory: Path

    @property
    def python(self) -> Path:
        """The interpreter that has PySpark."""
        return self.directory / "venv" / "bin" / "python"

    @property
    def jars(self) -> list[Path]:
        """The jars that Spark needs on top of its own, to read Kafka."""
        return sorted((self.directory / "jars").glob("*.jar"))


def spark_environment() -> SparkEnvironment:
    """Spark's environment below `.cache/spark`, made in half a minute where it isn't there yet.

    Raises:
        RuntimeError: uv or Maven failed, with what it said.
    """
    what = [POM.read_bytes(), LOCK.read_bytes(), sys.version.encode()]
    wanted = CACHE / hashlib.sha256(b"\0".join(what)).hexdigest()[:12]
    if not wanted.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as making:
            made = Path(making) / "spark"
            copy_jars(made / "jars")
            install_spark(made / "venv")
            # Whole or not at all: what was broken off never gets the final name.
            shutil.move(made, wanted)
    return SparkEnvironment(directory=wanted)


def install_spark(to: Path) -> None:
    """Install PySpark. It is published as sources alone, so a wheel is built first: 20 s, and 310 MB to download."""
    uv = str(Path(sys.executable).with_name("uv"))
    run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(to))
    # Without uv's cache, which would keep 2 GB for what is installed once.
    run(
        uv, "pip", "install", "--quiet", "--no-cache", "--require-hashes", "--python", str(to / "bin" / "python"),
        "--build-constraints", str(BUILD_LOCK), "--requirement", str(LOCK),
    )  # fmt: skip


def copy_jars(to: Path) -> None:
    """Let Maven copy what the pom names: 10 MB in 5 s."""
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={to}"]
    run("mvn", "-q", "-B", "-f", str(POM), *goal)


def run(*command: str) -> None:
    """Run a command to its end."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAKING_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"Spark's environment could not be made. {command[0]} said:\n{done.stdout}{done.stderr}"
        )
