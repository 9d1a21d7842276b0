"""Every block of code in the docs is run or checked, and what can't be is counted."""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

import flask_kafka_events
from docs._ext.project_file import parsed_toml
from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.settings import PREFIX, Settings
from tests.examples import page_of_python, shell_lines
from tests.examples.pages import ROOT, Block, blocks, in_language, pages

# What nothing here checks, and Python that isn't run. Each says why where it stands; one more must be meant.
NOT_CHECKED: Final = 7
COMPILED: Final = 3

# Pages that others write, and the tests that hold their outputs to what is printed.
HELD_ELSEWHERE: Final = {
    "README.md": "tests/examples/test_game.py",
    "docs/explanation/performance.md": "tests/benchmarks/test_docs.py",
}
RUN: Final = [block for block in in_language("python") if not block.mark]


def json_values(text: str) -> list[Any]:
    """One JSON value after the other."""
    decoder, values, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[end:].strip()
    return values


def ini(text: str) -> None:
    """An INI file; what it says to uWSGI are options of uWSGI."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    if parser.has_section("uwsgi"):
        shell_lines.check_options("uwsgi", [f"--{name}" for name in parser.options("uwsgi")])


def dockerfile(text: str) -> None:
    """Lines that begin with an instruction."""
    for line in text.replace("\\\n", " ").splitlines():
        assert re.match(r"(FROM|RUN|COPY|ENV|CMD|STOPSIGNAL|WORKDIR|EXPOSE|USER|VOLUME) |#|$", line), line


PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "json": json_values,
    "ini": ini,
    "toml": parsed_toml,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "dockerfile": dockerfile,
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        yield lease


@pytest.mark.parametrize("page", sorted({block.page for block in RUN}))
def test_python_runs(page: str, broker: Lease, tmp_path: Path) -> None:
    """The page's Python runs as it stands there, its apps answer, and each event is acknowledged."""
    readme = next(block for block in blocks() if (block.page, block.language) == ("README.md", "python"))
    (tmp_path / "shop.py").write_text(readme.text)
    given = {"page": page, "blocks": [[block.line, block.text] for block in RUN if block.page == page]}
    settings = {"BOOTSTRAP_SERVERS": broker.address, "TOPIC": "shop_events", "STRICT": "true"}
    done = subprocess.run(
        [sys.executable, "-W", "error", page_of_python.__file__],
        cwd=tmp_path, input=json.dumps(given), text=True, capture_output=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}",
             **{f"FLASK_{PREFIX}{name}": value for name, value in settings.items()}},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", in_language("python"), ids=str)
def test_python_names_what_is_there(block: Block) -> None:
    """It compiles, and what it imports from the package is public."""
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "flask_kafka_events":
            assert {name.name for name in node.names} <= set(flask_kafka_events.__all__)


@pytest.mark.parametrize("block", in_language("sh"), ids=str)
def test_commands_are_there(block: Block) -> None:
    """Each command, target, option and setting of a shell block exists."""
    shell_lines.check_block(block.text)


@pytest.mark.parametrize("block", in_language(*PARSERS), ids=str)
def test_files_parse(block: Block) -> None:
    """A block that shows a file or an object is one."""
    PARSERS[block.language](block.text)


def test_every_block_is_checked_or_says_why_not() -> None:
    """No block is in a language that nothing here reads, unless it or its page names the test that holds it."""
    for block in blocks():
        is_read = block.language in {"python", "sh", *PARSERS}
        is_held = block.mark in {"not checked", "checked by"} or block.page in HELD_ELSEWHERE
        assert is_read or is_held, (
            f"{block} is {block.language or 'of no language'}: mark it, with the reason"
        )
    for named in [
        *HELD_ELSEWHERE.values(),
        *(block.reason for block in blocks() if block.mark == "checked by"),
    ]:
        file, _, test = named.partition("::")
        assert f"def {test or 'test_'}" in (ROOT / file).read_text(), named


def test_the_number_of_those_that_are_not_is_held() -> None:
    """One more block that isn't checked, or isn't run, is meant."""
    marks = [block.mark for block in blocks()]
    assert marks.count("not checked") == NOT_CHECKED
    assert marks.count("compiled") == COMPILED
    assert all(len(block.reason) > 10 for block in blocks() if block.mark)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_files_and_commands_in_sentences_are_there(page: Path) -> None:
    """Each setting, file of the project and command that a page names exists."""
    text = page.read_text()
    known = {PREFIX + field.name.upper() for field in fields(Settings)}
    assert set(re.findall(rf"(?:FLASK_)?({PREFIX}[A-Z]+(?:_[A-Z]+)*)", text)) <= known
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for file in re.findall(r"`((?:tests|docs|examples|benchmarks|flask_kafka_events)/[\w/.-]+\w)", prose):
        assert (ROOT / file).exists(), file
    for line in re.findall(r"`(flask (?:--app \w+ )?kafka-events [^`]+)`", prose):
        with suppress(click.MissingParameter):  # a sentence may name a command alone
            shell_lines.check_flask(line.split()[1:])
