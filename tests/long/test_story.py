"""README's first screen: its five commands, smaller where they take minutes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Final

import pytest

from tests.examples.pages import ROOT, blocks_of
from tests.kafka.apache_kafka import free_port
from tests.parts import requires
from tests.processes import wait_until, without_make

if TYPE_CHECKING:
    from pathlib import Path

GAME: Final = "make game"
COMPOSE: Final = "docker compose -f examples/game_api/compose.yaml --profile live up --build"
SAME_TOTALS: Final = "make same-totals"
#: The others, with what makes them small, and what they say in the end.
SMALL: Final = {
    "make crowd": (["PLAYERS=5", "SECONDS=3"], r"^lost +0$"),
    "make test": (["ARGS=--no-cov -q tests/unit/test_masking.py"], r"^\d+ passed"),
}


def test_first_screen_has_five_commands() -> None:
    """Each is run by a test: compose's services and what `make same-totals` runs in tests/engines, the others here."""
    block = next(each for each in blocks_of(ROOT / "README.md") if each.language == "sh")
    lines = block.text.strip().splitlines()
    assert [re.split(r" {2,}#", line)[0].rstrip() for line in lines] == [
        GAME,
        COMPOSE,
        "make crowd",
        SAME_TOTALS,
        "make test",
    ]
    assert list(SMALL) == ["make crowd", "make test"]


def test_game_is_served_on_a_fresh_machine(tmp_path: Path) -> None:
    """With nothing there but Python it makes an environment, and serves the live page on the embedded broker."""
    port = free_port()
    command = [*GAME.split(), f"VENV={tmp_path / 'venv'}", f"PORT={port}"]
    environment = {**without_make(), "GAME_INSTANCE_PATH": str(tmp_path / "instance")}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: "<title>The game, live" in page(port), "the live page is served", seconds=120)
        finally:
            os.killpg(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=30)
    assert f"watch them: http://127.0.0.1:{port}/live\n" in printed
    assert printed.endswith("\nthe game is over\n")


def page(port: int) -> str:
    """The live page; empty where nobody serves it yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@requires("java", "maven")
@pytest.mark.parametrize("command", SMALL)
def test_command_comes_to_its_end(command: str) -> None:
    """It says in the end what README tells of it."""
    words, told = SMALL[command]
    done = subprocess.run(
        [*command.split(), *words], cwd=ROOT, env=without_make(), capture_output=True, text=True, timeout=400, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(told, done.stdout, re.MULTILINE), done.stdout
