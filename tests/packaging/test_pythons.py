"""The wheel passes the unit ring on the other Pythons, and with the lowest versions that users may have."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.packaging.conftest import ROOT, make_environment
from tests.parts import path_of, requires

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packaging.conftest import Distribution


LOCKS = {"3.10": "lowest.txt", "3.12": "test.txt", "3.13": "test.txt"}


@pytest.fixture(scope="module")
def runs(
    distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Future[subprocess.CompletedProcess[str]]]:
    """The unit ring on each of the Pythons that are there: at the same time, for it waits more than it computes.

    All are over when the first test begins: a run that goes on is a process left behind by another's test.
    """
    with ThreadPoolExecutor() as pool:
        return {
            python: pool.submit(run, distribution, tmp_path_factory.mktemp(f"python{python}"), path, lock)
            for python, lock in LOCKS.items()
            if (path := path_of(f"python{python}")) is not None
        }


def run(distribution: Distribution, folder: Path, python: str, lock: str) -> subprocess.CompletedProcess[str]:
    """Install the wheel with these dependencies, and run the unit ring on it."""
    environment = make_environment(folder / "venv", python)
    environment.install("--requirement", ROOT / "requirements" / lock)
    environment.install("--no-deps", distribution.wheel)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = [str(environment.python), "-m", "pytest", "tests/unit", "-q", "--hypothesis-profile=quick"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("python", [pytest.param(each, marks=requires(f"python{each}")) for each in LOCKS])
def test_the_unit_ring_passes(runs: dict[str, Future[subprocess.CompletedProcess[str]]], python: str) -> None:
    """The installed wheel, not the sources beside it, passes the unit ring there; on 3.10 with the lowest versions."""
    done = runs[python].result()
    assert done.returncode == 0, done.stdout + done.stderr
