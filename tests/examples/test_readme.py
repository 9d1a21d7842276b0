"""The README's page of use, as a reader types it."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from flask_kafka_events.settings import Settings
from tests.faults.stage import ALL_ROWS
from tests.processes import wait_until
from tests.servers.serving import ROOT, serving
from tests.unit.test_journaling import files, journaling

README = ROOT / "README.md"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder with the page of use in `shop.py`, and the environment that the README exports."""
    page = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert page is not None
    (tmp_path / "shop.py").write_text(page[1])
    exported = re.search(r"^export (.*)$", README.read_text(), re.MULTILINE)
    assert exported is not None
    return dict(pair.split("=") for pair in exported[1].split())


def test_page_of_use_works_as_it_stands(tmp_path: Path, environment: dict[str, str]) -> None:
    """Its app runs under `flask run` on the embedded broker, and `tail` prints the event of one request."""
    command = ("flask", "--app", "shop", "run", "-p", "PORT")
    with serving("", tmp_path, *command, **environment) as server:
        assert server.get("/purchase_a_sword", "POST") == "\nSword Purchased!\n"
        tail = [sys.executable, "-m", "flask", "--app", "shop", "kafka-events", "tail", "shop_events", "-e"]
        printed: list[str] = []

        def has_printed() -> bool:
            done = subprocess.run(
                tail, cwd=tmp_path, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE, text=True, check=True, timeout=30,
            )  # fmt: skip
            printed.append(done.stdout)
            return done.stdout != ""

        wait_until(has_printed, "the event is there: a reader takes longer to type the line", seconds=30)
        assert server.end(signal.SIGTERM) == -signal.SIGTERM
    assert printed[-1].endswith('  purchased_sword  ana  {"player":"ana","color":"red","price":12}\n')


def test_journal_is_made_where_it_says(tmp_path: Path) -> None:
    """At the first event the directory is there with those above it, and in it one of the app's own, for its user."""
    named = re.search(r"^export FLASK_KAFKA_EVENTS_JOURNAL=(/.*)$", README.read_text(), re.MULTILINE)
    assert named is not None
    assert f"`{named[1]}/shop`" in README.read_text()
    folder = tmp_path / named[1].lstrip("/")
    with journaling(folder, answers=False) as held:
        assert list(tmp_path.iterdir()) == []
        held.mine.emit("sold")
        assert [each.name for each in folder.iterdir()] == ["shop"]
        assert (folder / "shop").stat().st_mode & 0o777 == 0o700
    assert len(files(folder)) == 1


def test_every_setting_is_in_the_table() -> None:
    """No setting is missing from the README, and none is in there that isn't one."""
    table = README.read_text().partition("## Settings")[2].partition("## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert named == {field.name.upper() for field in fields(Settings)}


def test_every_promise_names_its_test() -> None:
    """Each file, test and row of the fault table that stands under the guarantee table is there."""
    section = README.read_text().partition("## Where it can be lost")[2].partition("At least once,")[0]
    text = " ".join(section.split())
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?`", section)
    notes = set(re.findall(r"^(\d)\. ", section, re.MULTILINE))
    assert set(re.findall(r"\[(\d)\]", section)) == notes
    for file, test in named:
        assert f"def {test or 'test_'}" in (ROOT / file).read_text(), (file, test)
    rows = re.findall(r"rows? (`[^`]+`(?:(?:,| and) `[^`]+`)*)", text)
    names = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert names <= {row.name for row in ALL_ROWS}
    assert len(named) > 5
    assert len(names) > 4
