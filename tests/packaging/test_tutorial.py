"""The tutorial, typed word for word into terminals in an empty folder, ends with the event printed."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from markdown_it import MarkdownIt

from tests.packaging.conftest import ROOT, Distribution
from tests.packaging.terminal import Terminal, terminal
from tests.parts import requires
from tests.processes import wait_until

PAGE: Final = ROOT / "docs" / "tutorial" / "first-event.md"
KAFKA_OF_YOURS: Final = "On a Kafka of yours"  # where the script's part ends: it has none
CHANGING: Final = {"id", "time", "durationus"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A block of the tutorial, and what the reader has read since the last one."""

    before: str
    language: str
    text: str


def steps() -> Iterator[Step]:
    """The blocks up to the reader's own Kafka; the last one is without a block."""
    before = ""
    for token in MarkdownIt().parse(PAGE.read_text()):
        if token.type == "inline" and token.content == KAFKA_OF_YOURS:
            break
        if token.type == "inline":
            before += token.content + "\n"
        if token.type == "fence":
            yield Step(before=before, language=token.info, text=token.content)
            before = ""
    yield Step(before=before, language="", text="")


@pytest.fixture
def environment(distribution: Distribution, tmp_path: Path) -> dict[str, str]:
    """A reader's: pip finds the wheel, and the versions that the locks name; port 5000 is a free one's name."""
    locked = re.findall(r"^[\w.-]+==[^\\\n]+", (ROOT / "requirements" / "game.txt").read_text(), re.MULTILINE)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join([*locked, f"flask-kafka-events @ {distribution.wheel.as_uri()}"]))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / ".curlrc").write_text(f'connect-to = "127.0.0.1:5000:127.0.0.1:{port}"\nsilent\n')
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "COVERAGE_"))}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"):
        ours.pop(name, None)
    found = f"{os.environ.get('PIP_FIND_LINKS', '')} {distribution.wheel.parent}".strip()
    return ours | {
        "PATH": f"{Path(os.path.realpath(sys.executable)).parent}:/usr/local/bin:/usr/bin:/bin",
        "PIP_CONSTRAINT": str(constraints), "PIP_FIND_LINKS": found,
        "CURL_HOME": str(tmp_path), "FLASK_RUN_PORT": str(port),
    }  # fmt: skip


class Reader:
    """Does what the page says, in the order in which it says it."""

    def __init__(self, folder: Path, first: Terminal, second: Terminal) -> None:
        self.folder = folder
        self.terminals = {"first": first, "second": second}
        self.at = first
        self.last_line = ""
        self.printed = ""

    def do(self, step: Step) -> None:
        """Read on to the next block, and do what it asks for."""
        for name in re.findall(r"[Ii]n (?:a|the) (first|second) terminal", step.before):
            self.at = self.terminals[name]
        if "Press Ctrl-C" in step.before:
            self.at.type("\x03")
            self.at.run("")
        if step.language == "python":
            (name,) = re.findall(r"Save this as `([\w.]+)`:", step.before)
            (self.folder / name).write_text(step.text)
        elif step.language == "sh":
            for line in step.text.splitlines():
                self.type(line)
        elif step.text:
            self.expect(step)

    def type(self, line: str) -> None:
        """Type a line, and see it through: to its prompt, or to the server's word that it serves."""
        self.last_line = line
        if line.endswith(" run"):
            self.at.type(line + "\n")
            self.printed = self.at.wait_for("Running on")
            return
        self.printed = self.at.run(line)
        assert self.at.run("echo $?").strip() == "0", f"{line}: {self.printed}"

    def expect(self, step: Step) -> None:
        """See printed what the page shows; an event on its way is asked for again, as the page says."""

        def is_there() -> bool:
            if shape(step.language, self.printed) == shape(step.language, step.text):
                return True
            if " tail " in self.last_line:
                self.type(self.last_line)
            return False

        try:
            wait_until(is_there, f"{self.last_line} prints what the page shows", seconds=30)
        except TimeoutError:
            assert self.printed == step.text


def shape(language: str, printed: str) -> Any:
    """What is printed without colours, and without what is another each time: moments, ids, durations, the broker's port."""
    printed = re.sub(r"\x1b\[\d*m", "", printed)
    printed = re.sub(r"^.*embedded broker at .*\n", "", printed, flags=re.MULTILINE)
    if language == "json":
        try:
            read = json.loads(printed)
        except ValueError:
            return printed
        return {name: name if name in CHANGING else value for name, value in read.items()}
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "WHEN", printed)


@requires("curl")
def test_tutorial_ends_with_the_event_printed(environment: dict[str, str], tmp_path: Path) -> None:
    """A reader who types what the page says sees what the page shows."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with terminal(folder, environment) as first, terminal(folder, environment) as second:
        reader = Reader(folder, first, second)
        for step in steps():
            reader.do(step)
    assert len(list(steps())) > 10
