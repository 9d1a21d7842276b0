"""The commands of a shell block, and whether they are there: targets, subcommands, options, settings."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
import flask.cli

from docs._ext.project_file import pyproject
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.settings import read_settings
from tests.examples.pages import ROOT

SCRIPTS: Final = Path(sys.executable).parent

# What a machine has, and nobody here made.
_OF_THE_MACHINE: Final = frozenset(
    ["curl", "kcat", "docker", "kill", "cd", "mkdir", "openssl", "git", "celery", "jq", "cat", "grep"]
)
# Programs whose options are looked up in what they print when asked for help.
_WITH_HELP: Final = {
    "gunicorn": ("--help",),
    "waitress-serve": ("--help",),
    "uvicorn": ("--help",),
    "hypercorn": ("--help",),
    "uwsgi": ("--help",),
    "pytest": ("--help",),
}
_SEPARATORS: Final = frozenset(["&&", "||", ";", "|", "&"])


def check_block(text: str) -> None:
    """Check each command of a shell block, by `check`."""
    for command in commands(text):
        check(command)


def commands(text: str) -> Iterator[list[str]]:
    """Each command of a shell block, as words."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in lexer:
            if word in _SEPARATORS:
                yield command
                command = []
            elif word == ">":  # where it prints to is no word of the command's
                lexer.get_token()
            else:
                command.append(word)
        if command:
            yield command


def check(command: list[str]) -> None:
    """Check one command.

    Raises:
        AssertionError: a part of it isn't there.
        click.UsageError: a subcommand or option of `flask` isn't.
        ConfigurationError: a setting isn't, or not of that value.
    """
    while command and re.match(r"\w+=", command[0]):
        check_variable(command[0])
        command = command[1:]
    if not command:
        return
    program, words = Path(command[0]).name or command[0], command[1:]
    if program == "export":
        for word in words:
            check_variable(word)
    elif program in _CHECKS:
        _CHECKS[program](words)
    elif program in _WITH_HELP:
        check_options(program, words)
    else:
        assert program in _OF_THE_MACHINE, f"what is {program}?"


def check_variable(word: str) -> None:
    """A variable that stands for a setting stands for one that is there, with a value that it takes."""
    name, _, raw = word.partition("=")
    if not name.startswith("FLASK_KAFKA_EVENTS_"):
        return
    value: Any = str(ROOT / "LICENSE") if name.endswith("_FILE") else raw  # a secret's file isn't here
    with suppress(ValueError):
        value = json.loads(raw)  # as Flask's from_prefixed_env
    setting, *path = name.removeprefix("FLASK_").split("__")
    for each in reversed(path):
        value = {each: value}
    read_settings({setting: value}, "shop")


def check_flask(words: list[str]) -> None:
    """A subcommand, down to its options."""
    if words[:1] == ["--app"]:
        words = words[2:]
    group: click.Command = kafka_events if words[0] == "kafka-events" else flask.cli.cli
    words = words[1:] if words[0] == "kafka-events" else words
    while isinstance(group, click.Group) and words:
        found = group.get_command(click.Context(group), words[0])
        assert found is not None, f"there is no command {words[0]}"
        group, words = found, words[1:]
    group.make_context("it", list(words))


def check_make(words: list[str]) -> None:
    """Each target is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    rings = re.search(r"^RINGS := (.*)$", makefile, re.MULTILINE)
    assert rings is not None
    targets = {
        name for line in re.findall(r"^([\w -]+):(?!=)", makefile, re.MULTILINE) for name in line.split()
    }
    for word in words:
        assert "=" in word or word in targets | set(rings[1].split()), f"there is no target {word}"


def check_pip(words: list[str]) -> None:
    """What is installed of ours has these extras."""
    assert words[0] in {"install", "uninstall"}
    for word in words[1:]:
        if word.startswith("flask-kafka-events["):
            extras = set(word.partition("[")[2].rstrip("]").split(","))
            assert extras <= set(pyproject()["project"]["optional-dependencies"]), word


def check_python(words: list[str]) -> None:
    """A module that is run is there."""
    assert words[0] == "-m"
    assert importlib.util.find_spec(words[1]) is not None, f"there is no module {words[1]}"


def check_source(words: list[str]) -> None:
    """Only a virtual environment is read into the shell."""
    assert words == [".venv/bin/activate"]


def check_options(program: str, words: list[str]) -> None:
    """Each option is in what the program says of itself."""
    said = help_of(program)
    for word in words:
        if word.startswith("-"):
            option = word.partition("=")[0]
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", said), (
                f"{program} has no option {option}"
            )


@cache
def help_of(program: str) -> str:
    """What a program prints when asked for help."""
    done = subprocess.run(
        [str(SCRIPTS / program), *_WITH_HELP[program]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


_CHECKS: Final = {
    "flask": check_flask,
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
    "python3": check_python,
    ".": check_source,
}
