"""The page about `flask kafka-events doctor` shows what it prints, and every check that there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flask_kafka_events.doctor.examination import CHECKS
from tests.packaging.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs/how-to/doctor.md").read_text()
OPTION = re.compile(r"^\| `(--[a-z]+)", re.MULTILINE)


def block(language: str) -> str:
    """The page's last block of code in a language."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return blocks[-1]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The page's app, in a folder of its own."""
    (tmp_path / "shop.py").write_text(block("python"))
    return tmp_path


def doctor(folder: Path, *words: str, status: int) -> str:
    """What the command prints of the app there."""
    command = [sys.executable, "-m", "flask", "--app", "shop", "kafka-events", "doctor", *words]
    outside = {"WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 doesn't know the name of a wrapper")
def test_page_shows_what_the_command_prints(shop: Path) -> None:
    """Word for word, for the app on the page."""
    assert doctor(shop, "--offline", status=1) == block("text")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="as above")
def test_page_shows_the_object_of_the_json(shop: Path) -> None:
    """Of the same app with one of its routes and one of its faults."""
    code = (shop / "shop.py").read_text().partition('@app.post("/buy")')[0]
    sell = block("python")[block("python").index('@emit_event("sold"') :]
    (shop / "shop.py").write_text(code.replace("    KAFKA_EVENTS_CLOSE_SECONDS=60,\n", "") + sell)
    assert json.loads(doctor(shop, "--offline", "--json", status=1)) == json.loads(block("json"))


def test_the_game_has_nothing_wrong() -> None:
    """But that its broker is the embedded one, which is a note."""
    app = ["--app", "examples.game_api", "kafka-events", "doctor", "--offline", "--strict", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "flask", *app], cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    report = json.loads(done.stdout)
    assert (done.returncode, [each["check"] for each in report["findings"]]) == (0, ["embedded-broker"])
    assert len(report["routes"]) == 4


def test_page_names_every_check_with_its_next_step() -> None:
    """In the order of the code, each with its severity, what it finds and what to do."""
    rows = re.findall(r"^\| `([a-z-]+)`<br>(\w+) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (check.name, check.severity, check.finds, check.next_step)
        for checks in CHECKS.values()
        for check in checks
    ]
    assert re.findall(r"^### (.*)$", PAGE, re.MULTILINE) == list(CHECKS)


def test_page_names_every_option(shop: Path) -> None:
    """As the command's own help has them."""
    told = doctor(shop, "--help", status=0)
    assert set(OPTION.findall(PAGE)) == set(re.findall(r"--[a-z]+", told)) - {"--help"}
