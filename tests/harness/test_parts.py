"""A missing part skips a test and tells how to get it; in CI it fails the test."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests import parts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.conftest import RunInside

NEEDS_KCAT = """
from tests.parts import requires
@requires("kcat")
def test_it():
    pass
"""


@pytest.fixture
def nothing_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_missing_part_skips(
    run_inside: RunInside, monkeypatch: pytest.MonkeyPatch, nothing_on_path: None
) -> None:
    """On a person's machine the test is skipped, with the command that gets the part."""
    monkeypatch.delenv("CI", raising=False)

    result = run_inside(NEEDS_KCAT, plugin="tests.parts")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*kcat is missing. To get it: apt-get install kcat"])


def test_a_missing_part_fails_in_ci(
    run_inside: RunInside, monkeypatch: pytest.MonkeyPatch, nothing_on_path: None
) -> None:
    """In CI the same test is an error: nothing goes untested unseen."""
    monkeypatch.setenv("CI", "true")

    result = run_inside(NEEDS_KCAT, plugin="tests.parts")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*kcat is missing.*(in CI nothing may be missing)"])


def test_a_part_that_is_there_lets_the_test_run(
    run_inside: RunInside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the program on PATH the test runs."""
    (tmp_path / "kcat").write_text("#!/bin/sh\n")
    (tmp_path / "kcat").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    run_inside(NEEDS_KCAT, plugin="tests.parts").assert_outcomes(passed=1)


def test_an_unknown_part_is_refused() -> None:
    """A mistyped part is an error at import, with the names that there are."""
    with pytest.raises(KeyError, match=r"no part 'kafkacat'.*kcat"):
        parts.requires("kafkacat")


def test_a_shim_that_fails_is_no_interpreter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing_on_path: None
) -> None:
    """A `python3.10` on PATH that can't run Python doesn't count."""
    (tmp_path / "python3.10").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.10").chmod(0o755)

    assert parts.PARTS["python3.10"].find() is None


def test_an_interpreter_is_found_by_running_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing_on_path: None
) -> None:
    """What counts is the path that a working interpreter gives of itself, here of one that pyenv keeps."""
    kept = tmp_path / ".pyenv" / "versions" / "3.10.13" / "bin" / "python3.10"
    kept.parent.mkdir(parents=True)
    kept.symlink_to(sys.executable)

    assert parts.PARTS["python3.10"].find() == str(kept)


def test_an_old_java_is_no_java(tmp_path: Path, nothing_on_path: None) -> None:
    """A Java before 17 can't run Apache Kafka 4 and counts as missing."""
    (tmp_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (tmp_path / "java").chmod(0o755)

    assert parts.PARTS["java"].find() is None


def test_the_overview_names_every_part() -> None:
    """`python -m tests.parts` has a line for each part."""
    lines = parts.overview().splitlines()

    assert [line.split()[0] for line in lines] == list(parts.PARTS)
