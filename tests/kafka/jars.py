"""Apache Kafka's jars: copied by Maven once for each version of `pom.xml`, then kept in `.cache/`."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka-jars"


def kafka_jars() -> Path:
    """The directory that holds the jars; 92 files, 54 MB, made in 3 to 10 s where it isn't there yet."""
    wanted = CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    if not wanted.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as making:
            copy_jars(Path(making) / "jars")
            # Whole or not at all: a copy that was broken off never gets the final name.
            try:
                (Path(making) / "jars").rename(wanted)
            except OSError:
                if not wanted.is_dir():  # else another run was first
                    raise
    return wanted


def copy_jars(to: Path) -> None:
    """Let Maven copy what the pom names."""
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={to}"]
    done = subprocess.run(
        ["mvn", "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"Maven could not copy Apache Kafka's jars:\n{done.stdout}{done.stderr}")
