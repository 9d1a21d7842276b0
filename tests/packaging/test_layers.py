"""Each contract of the layers is green as things are, and goes red when it is broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import api

from tests.packaging.conftest import ROOT

PACKAGE = "flask_kafka_events"
POINT_DOWN = "Imports point down"
FLASK_LINE = "Nothing below the Flask line imports flask or werkzeug"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the package, with the contracts beside it."""
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def verdicts(sources: Path) -> tuple[int, str]:
    """What import-linter says of the sources: its exit code and its text."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def add(sources: Path, module: str, line: str) -> None:
    """Add a line to the end of a module, made where it isn't there."""
    with (sources / PACKAGE / module).open("a") as source:
        source.write(f"\n{line}\n")


def test_the_sources_keep_every_contract(sources: Path) -> None:
    """As the sources stand, all contracts are kept."""
    code, text = verdicts(sources)

    assert code == 0, text
    assert f"{POINT_DOWN} KEPT" in text
    assert f"{FLASK_LINE} KEPT" in text


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        pytest.param("errors.py", f"import {PACKAGE}.settings", POINT_DOWN, id="upward"),
        pytest.param("ledger.py", f"import {PACKAGE}.signals", POINT_DOWN, id="sideways"),
        pytest.param("misc.py", "", POINT_DOWN, id="a module without a place"),
        pytest.param("event.py", "import flask", FLASK_LINE, id="flask below the line"),
        pytest.param(
            "formats/__init__.py", "from werkzeug import http", FLASK_LINE, id="werkzeug below the line"
        ),
    ],
)
def test_a_broken_contract_is_named(sources: Path, module: str, line: str, broken: str) -> None:
    """One offending line turns its contract red."""
    add(sources, module, line)

    code, text = verdicts(sources)

    assert code != 0
    assert f"{broken} BROKEN" in text or "Could not run" in text, text


def test_no_contract_is_left_unbroken_here() -> None:
    """A new contract needs a case above."""
    contracts = api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]

    assert {contract["name"] for contract in contracts} == {POINT_DOWN, FLASK_LINE}
