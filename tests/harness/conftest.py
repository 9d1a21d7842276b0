"""A run of pytest inside the run, with a plugin of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[2]


class RunInside(Protocol):
    """Runs a test file with one of our plugins, in a process of its own."""

    def __call__(self, source: str, *options: str, plugin: str) -> pytest.RunResult:
        """Run it to its end."""


@pytest.fixture
def run_inside(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunInside:
    """See `RunInside`."""

    def run(source: str, *options: str, plugin: str) -> pytest.RunResult:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", plugin, "-p", "no:cacheprovider", "-rs", *options)

    return run
