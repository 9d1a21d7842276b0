"""A project of somebody else's: its own tests of its ten events, written with the documented kit alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).with_name("outsider")
EVENTS = {
    "order_placed",
    "order_cancelled",
    "payment_failed",
    "payment_received",
    "review_written",
    "price_list_read",
    "sample_tasted",
    "http.request",
    "loaf_baked",
    "oven.lit",
}

TOLD = """\
AssertionError: Event 'order_placed' with data {'total': {'amount': 6}}, key 'ana', topic 'bakery_events' was never \
emitted (expected: once).
The nearest is event 1, 'order_placed':
    data['total']['amount'] is 8, not 6
Emitted, in this order (1):
    1. order_placed  key 'ana'  to bakery_events  \
{"customer":"ana","loaves":2,"total":{"amount":8,"currency":"EUR"}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__")))


def run_tests(project: Path) -> subprocess.CompletedProcess[str]:
    """Run its tests in two processes, with warnings as errors."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "-W", "error", "-p", "no:cacheprovider"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))
    }
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_its_tests_pass_under_xdist(project: Path) -> None:
    """All of them, without a broker but where they ask for one; and all ten kinds of events are looked at."""
    done = run_tests(project)
    tests = (project / "test_bakery.py").read_text()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 workers" in done.stdout
    assert re.search(r"\b17 passed\b", done.stdout), done.stdout
    assert {each for each in EVENTS if f'"{each}"' in tests} == EVENTS


def test_its_tests_fail_readably_where_an_event_is_wrong(project: Path) -> None:
    """What differs and what was emitted instead can be read off the failure, and nothing of the kit's inside."""
    code = project / "bakery.py"
    code.write_text(code.read_text().replace("3 * loaves", "4 * loaves"))
    done = run_tests(project)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"\b1 failed, 16 passed\b", done.stdout), done.stdout
    told = [line.removeprefix("E       ") for line in done.stdout.splitlines() if line.startswith("E ")]
    assert told == TOLD.splitlines()
    assert "flask_kafka_events/testing" not in done.stdout
