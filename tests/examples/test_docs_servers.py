"""The lines that the how-tos show for each server are started as they stand there, and lose nothing."""

from __future__ import annotations

import shlex
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from flask_kafka_events.embedded import Lease, join
from tests.examples.pages import Block, blocks
from tests.processes import wait_until
from tests.servers.serving import arrived, serving

TOPIC: Final = "shop_events"
REQUESTS: Final = 10
SERVERS: Final = ("gunicorn", "waitress-serve", "hypercorn", "uvicorn", "flask", "uwsgi")
# How a server ends where it isn't with status 0 after SIGTERM: in the words of its page.
ENDS_OF_THE_SIGNAL: Final = ("waitress-serve", "flask")
ENDED_BY_SIGINT: Final = ("uvicorn",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line that starts a server.

    Attributes:
        page: where it stands.
        words: its words.
    """

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


def shown(page: str, language: str) -> list[Block]:
    """The page's blocks in a language."""
    return [block for block in blocks() if (block.page, block.language) == (page, language)]


def lines() -> Iterator[Line]:
    """Every line of a how-to that starts a server on port 8000, and the one that uWSGI's page has in a sentence."""
    for block in blocks():
        if block.page.startswith("docs/how-to/") and block.language == "sh":
            for line in block.text.splitlines():
                words = shlex.split(line)
                if words and words[0] in SERVERS and "8000" in line:
                    yield Line(page=block.page, words=tuple(words))
    yield Line(page="docs/how-to/uwsgi.md", words=("uwsgi", "--ini", "shop.ini"))


LINES: Final = list(lines())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        lease.create_topic(TOPIC)
        yield lease


@pytest.fixture
def port() -> str:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def lay_out(folder: Path, line: Line, port: str) -> None:
    """The reader's folder: the README's `shop.py`, and the files that the page says to save."""
    (readme, *_) = shown("README.md", "python")
    (folder / "shop.py").write_text(readme.text)
    for language, page, name in (
        ("python", "docs/how-to/asgi-servers.md", "asgi.py"),
        ("ini", "docs/how-to/uwsgi.md", "shop.ini"),
        ("python", "docs/how-to/gunicorn.md", "gunicorn.conf.py"),
    ):
        if page == line.page:
            (block, *_) = shown(page, language)
            (folder / name).write_text(block.text.replace("8000", port))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_line_loses_nothing(line: Line, broker: Lease, port: str, tmp_path: Path) -> None:
    """A signal right after the last answer, with all events still batched: each of them arrives."""
    lay_out(tmp_path, line, port)
    settings = {"BOOTSTRAP_SERVERS": broker.address, "TOPIC": TOPIC, "PRODUCER__linger_ms": "60000"}
    environment = {f"FLASK_KAFKA_EVENTS_{name}": value for name, value in settings.items()}
    command = [word.replace("8000", port) for word in line.words]
    log, server = tmp_path / "server.log", line.words[0]
    with serving("", tmp_path, *command, **environment) as running:
        running.address = f"http://127.0.0.1:{port}"
        if server == "uwsgi":  # a worker that still loads its app forgets the signal
            wait_until(lambda: "master-start" in log.read_text(), "it is ready", seconds=20)
        for _ in range(REQUESTS):
            assert running.get("/purchase_a_sword", "POST") == "\nSword Purchased!\n"
        status = running.end(signal.SIGINT if server in ENDED_BY_SIGINT else signal.SIGTERM)
    assert status == (-signal.SIGTERM if server in ENDS_OF_THE_SIGNAL else 0)
    assert len(set(arrived(broker.address, TOPIC))) == REQUESTS, log.read_text()


def test_each_server_of_the_readme_has_its_line() -> None:
    """No server that the README promises something about is without a line that is run here."""
    assert {line.words[0] for line in LINES} == set(SERVERS)
