"""`docs/how-to/testing.md`: each of its code blocks is run as a reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.serving import ROOT

PAGE = ROOT / "docs" / "how-to" / "testing.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
COMMANDS = [text.strip() for language, text in BLOCKS if language == "sh"]
WRONG = "test_wrong.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with each of its Python files, but for the one that is meant to fail."""
    for name, text in files().items():
        if name != WRONG:
            (tmp_path / name).write_text(text)
    return tmp_path


def files() -> dict[str, str]:
    """Its Python blocks by their names, which their first lines tell."""
    python = [text for language, text in BLOCKS if language == "python"]
    named = [re.match(r"# (\w+\.py)\n", text) for text in python]
    assert None not in named
    found = {name[1]: text for name, text in zip(named, python, strict=True) if name is not None}
    assert len(found) == len(python)
    return found


def number_of_tests(*names: str) -> int:
    """How many tests these files hold."""
    return sum(len(re.findall(r"^ *def test_", files()[name], re.MULTILINE)) for name in names)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the page's in a shell, with this Python's programs and warnings as errors."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))
    }
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment |= {"PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_pass_every_test_of_the_page(folder: Path, command: str) -> None:
    """Each line runs all tests of the files that it names, or of all, and they pass."""
    done = run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    named = [name for name in files() if name.removesuffix(".py") in command]
    expected = number_of_tests(*(named or set(files()) - {WRONG}))
    told = re.search(r"(\d+) passed|Ran (\d+) tests", done.stdout + done.stderr)
    assert told is not None
    assert int(told[1] or told[2]) == expected


def test_a_failure_reads_as_it_is_shown(folder: Path) -> None:
    """The text on the page is what pytest prints."""
    (folder / WRONG).write_text(files()[WRONG])
    (shown,) = (text for language, text in BLOCKS if language == "text")
    done = run(f"pytest {WRONG}", folder)
    assert done.returncode == 1, done.stdout + done.stderr
    printed = [line.removeprefix("E       ") for line in done.stdout.splitlines() if line.startswith("E ")]
    assert printed == shown.splitlines()


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """No block slips through."""
    assert {language for language, _ in BLOCKS} == {"python", "sh", "text"}
    assert PAGE.read_text().count("```") == 2 * len(BLOCKS)
    assert len(COMMANDS) == 3
