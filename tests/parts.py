"""What the machine must have for some tests, and how to get it.

Where a part is missing the test is skipped with the reason and the command that gets it; in CI it fails.
`python -m tests.parts` lists them all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST_JAVA = 17
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A program of the machine.

    Attributes:
        name: as in `requires(name)`.
        find: the program's path, or None where it is missing or doesn't work.
        get: how to get it.
    """

    name: str
    find: Callable[[], str | None]
    get: str


def answer(*command: str) -> str | None:
    """What a command prints, or None where it isn't there or fails: pyenv's shims are on PATH and fail."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    return done.stdout + done.stderr if done.returncode == 0 else None


def find_program(name: str) -> Callable[[], str | None]:
    """A finder of a program on PATH."""
    return lambda: shutil.which(name)


def find_postgresql() -> str | None:
    """The server, which Debian keeps beside PATH: the newest."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return str(there[-1]) if there else shutil.which("postgres")


def find_java() -> str | None:
    """Java, where it is new enough for Apache Kafka 4."""
    version = re.search(r'version "(\d+)', answer("java", "-version") or "")
    new_enough = version is not None and int(version[1]) >= OLDEST_JAVA
    return shutil.which("java") if new_enough else None


def find_python(version: str) -> Callable[[], str | None]:
    """A finder of the interpreter of one Python version: on PATH, or one that pyenv keeps."""

    def find() -> str | None:
        kept = (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}")
        for candidate in (f"python{version}", *map(str, sorted(kept))):
            path = answer(candidate, "-c", "import sys, ensurepip; print(sys.executable)")
            if path is not None:
                return path.strip()
        return None

    return find


PARTS = {
    part.name: part
    for part in (
        Part(name="java", find=find_java, get="apt-get install openjdk-17-jre-headless"),
        Part(name="maven", find=find_program("mvn"), get="apt-get install maven"),
        Part(name="openssl", find=find_program("openssl"), get="apt-get install openssl"),
        Part(name="valgrind", find=find_program("valgrind"), get="apt-get install valgrind"),
        Part(name="curl", find=find_program("curl"), get="apt-get install curl"),
        Part(name="postgresql", find=find_postgresql, get="apt-get install postgresql"),
        Part(name="chromium", find=find_program("chromium"), get="apt-get install chromium"),
        Part(name="chromedriver", find=find_program("chromedriver"), get="apt-get install chromium-driver"),
        Part(name="kcat", find=find_program("kcat"), get="apt-get install kcat"),
        Part(
            name="docker-compose", find=find_program("docker-compose"), get="apt-get install docker-compose"
        ),
        *(
            Part(
                name=f"python{version}",
                find=find_python(version),
                get=f"apt-get install python{version}-venv, or pyenv install {version}",
            )
            for version in PYTHONS
        ),
    )
}


@cache
def path_of(name: str) -> str | None:
    """Where a part is, or None; looked for once."""
    return PARTS[name].find()


def why_missing(name: str) -> str:
    """That a part is missing, and how to get it; empty where it is there."""
    return "" if path_of(name) is not None else f"{name} is missing. To get it: {PARTS[name].get}"


def need(*names: str) -> None:
    """Skip the running test where one of these parts is missing; in CI, fail it. For fixtures."""
    for name in names:
        reason = why_missing(name)
        if not reason:
            continue
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"{reason} (in CI nothing may be missing)", pytrace=False)
        pytest.skip(reason)


def requires(*names: str) -> pytest.MarkDecorator:
    """Mark a test, or with `pytestmark` a file, that needs these parts."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise KeyError(f"There is no part {unknown[0]!r}. The parts are: {', '.join(PARTS)}.")
    return pytest.mark.requires(*names)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold each test to what its `requires` says."""
    for mark in item.iter_markers("requires"):
        need(*mark.args)


def overview() -> str:
    """Every part with where it is, or how to get it."""
    width = max(map(len, PARTS))
    return "\n".join(
        f"{name:{width}}  {path_of(name) or 'MISSING, its tests are skipped. To get it: ' + part.get}"
        for name, part in PARTS.items()
    )


if __name__ == "__main__":
    sys.stdout.write(overview() + "\n")
