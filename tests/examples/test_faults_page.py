"""The how-to of the faults, as a reader types it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flask_kafka_events.testing import faults
from tests.servers.serving import ROOT

PAGE = (ROOT / "docs" / "how-to" / "faults.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_its_tests_pass(tmp_path: Path) -> None:
    """Each block is a file of the name in its first line; all of their tests pass, in two workers at a time."""
    for block in BLOCKS:
        name = re.match(r"# (\w+\.py)\n", block)
        assert name is not None, block
        (tmp_path / name[1]).write_text(block)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    number = sum(block.count("def test_") for block in BLOCKS)
    assert number > 5
    assert f"{number} passed" in done.stdout, done.stdout


def test_every_fault_is_on_it() -> None:
    """The table names each, with its arguments, and each has an example."""
    table = re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE)
    public = [
        name for name, value in vars(faults).items()
        if callable(value) and getattr(value, "__module__", "") == faults.__name__ and not name.startswith("_")
    ]  # fmt: skip
    assert sorted(table) == sorted(public)
    assert all(f"faults.{name}(" in "".join(BLOCKS) for name in public)


@pytest.mark.parametrize("said", ["at most `wait` seconds (5)", "the next `n` requests"])
def test_it_says(said: str) -> None:
    """What is said of defaults is so."""
    assert said in PAGE
    assert faults.refuse.__wrapped__.__kwdefaults__ == {"n": 1, "wait": 5.0}  # type: ignore[attr-defined]
