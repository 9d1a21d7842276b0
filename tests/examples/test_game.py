"""The example game, as a person plays it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import path_of, requires

ROUTES = {
    "/": b"\nThis is the default response!\n",
    "/purchase_a_sword": b"\nSword Purchased!\n",
    "/purchase_a_knife": b"\nKnife Purchased!\n",
    "/join_guild": b"\nGuild Joined!\n",
}
STORY = (
    "/", "/purchase_a_sword", "/", "/join_guild", "/join_guild", "/purchase_a_knife", "/purchase_a_knife",
    "/purchase_a_sword",
)  # fmt: skip
TRANSCRIPT = b"default\npurchased_sword\ndefault\njoined_guild\njoined_guild\npurchased_knife\npurchased_knife\npurchased_sword\n"


class Game:
    """The game in a process of its own, on the embedded broker."""

    def __init__(self, folder: Path, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.game_api"],
            env={**os.environ, "PORT": str(port), "GAME_INSTANCE_PATH": str(folder), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.kcat = self.process.stdout.readline().strip().removeprefix("read its events: ").split()

    def get(self, path: str) -> bytes:
        """The answer to a GET."""
        with urllib.request.urlopen(self.address + path, timeout=5) as answer:  # noqa: S310 - our own http address
            return bytes(answer.read())

    def read(self, *options: str) -> bytes:
        """What kcat reads, by the line that the game printed."""
        return subprocess.run(
            [path_of("kcat") or "kcat", *self.kcat[1:], *options], check=True, capture_output=True, timeout=20
        ).stdout

    def end(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    """A game that is being played."""
    game = Game(tmp_path)
    yield game
    if game.process.poll() is None:
        game.end()


def test_answers_are_those_of_the_original(game: Game) -> None:
    """Each route answers byte for byte what it always did."""
    assert {path: game.get(path) for path in ROUTES} == ROUTES


@requires("kcat")
def test_transcript_is_that_of_the_original(game: Game) -> None:
    """Eight requests, ended by Ctrl-C or not, are eight names in order, byte for byte."""
    for path in STORY:
        game.get(path)
    game.get("/health")
    assert wait_for(game, TRANSCRIPT) == TRANSCRIPT


@requires("kcat")
def test_each_event_carries_its_metadata(game: Game) -> None:
    """The headers of all eight events tell type, route and status, and the key is the player."""
    for path in STORY:
        game.get(f"{path}?player=ana")
    wait_for(game, TRANSCRIPT)
    lines = game.read("-f", "%k|%h\n").decode().splitlines()
    assert len(lines) == len(STORY)
    for line, path in zip(lines, STORY, strict=True):
        key, _, headers = line.partition("|")
        assert key == "ana"
        assert "ce_httpstatus=200" in headers
        assert f"ce_httproute={path}," in headers
        assert 'data={"player":"ana"}' in headers


def test_ctrl_c_ends_the_game(game: Game) -> None:
    """Ctrl-C ends the process without an error; the leak detector sees that its broker ends too."""
    game.get("/")
    assert game.end() == 0


def test_taken_port_is_told(game: Game, tmp_path: Path) -> None:
    """A port in use ends the start with the next step."""
    port = game.address.rpartition(":")[2]
    start = subprocess.run(
        [sys.executable, "-m", "examples.game_api"],
        env={**os.environ, "PORT": port, "GAME_INSTANCE_PATH": str(tmp_path)},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert start.returncode == 1
    assert f"Choose another port: make game PORT={int(port) + 1}" in start.stderr


@pytest.mark.parametrize("port", ["80000", "abc", "0"])
def test_port_that_is_none_is_told(port: str) -> None:
    """PORT out of range or no number ends the start with the next step."""
    start = subprocess.run(
        [sys.executable, "-m", "examples.game_api"],
        env={**os.environ, "PORT": port}, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert start.returncode == 1
    assert f"PORT must be a number from 1 to 65535, got {port!r}" in start.stderr


def wait_for(game: Game, expected: bytes) -> bytes:
    """What kcat reads once it has read as much as expected, or gave it twenty tries."""
    read = b""
    for _ in range(20):
        read = game.read()
        if len(read) >= len(expected):
            break
    return read
