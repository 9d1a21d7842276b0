"""The wheel passes the unit ring on the other Pythons, and with the lowest versions that users may have."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.packaging.conftest import ROOT, make_environment
from tests.parts import path_of, requires

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packaging.conftest import Distribution


@pytest.mark.parametrize(
    ("python", "lock"),
    [
        pytest.param("python3.10", "lowest.txt", marks=requires("python3.10"), id="3.10-lowest"),
        pytest.param("python3.12", "test.txt", marks=requires("python3.12"), id="3.12"),
        pytest.param("python3.13", "test.txt", marks=requires("python3.13"), id="3.13"),
    ],
)
def test_the_unit_ring_passes(distribution: Distribution, tmp_path: Path, python: str, lock: str) -> None:
    """The installed wheel, not the sources beside it, passes the unit ring there."""
    environment = make_environment(tmp_path / "venv", path_of(python) or python)
    environment.install("--requirement", ROOT / "requirements" / lock)
    environment.install("--no-deps", distribution.wheel)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    command = [str(environment.python), "-m", "pytest", "tests/unit", "-q", "--hypothesis-profile=quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
