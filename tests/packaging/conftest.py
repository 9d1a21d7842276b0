"""The package as its users get it: built once a run, from a copy of the sources."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCES = (
    ".git",
    ".venv",
    ".cache",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
    "instance",  # of a game that was played here: its broker's socket can't be copied
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """What would be uploaded."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A virtual environment.

    Attributes:
        python: its interpreter.
    """

    python: Path

    def install(self, *what: str | Path) -> None:
        """Install with uv, from its cache where that has it: 1 to 2 s."""
        run("uv", "pip", "install", "--quiet", "--python", str(self.python), *map(str, what))


def run(tool: str, *arguments: str, cwd: Path | None = None) -> str:
    """Run a tool of the development environment and return what it printed; one that fails shows it."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def make_environment(directory: Path, interpreter: str = sys.executable) -> Environment:
    """An empty virtual environment."""
    run("uv", "venv", "--quiet", "--no-project", "--python", interpreter, str(directory))
    return Environment(python=directory / "bin" / "python")


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """The sdist, and the wheel built of it."""
    sources = tmp_path_factory.mktemp("sources") / "flask-kafka-events"
    shutil.copytree(ROOT, sources, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    run("python", "-m", "build", "--no-isolation", cwd=sources)
    (wheel,) = (sources / "dist").glob("*.whl")
    (sdist,) = (sources / "dist").glob("*.tar.gz")
    return Distribution(wheel=wheel, sdist=sdist)
