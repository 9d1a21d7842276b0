"""`docs/reference/logging.md` lists the kinds of lines that the code writes, with their levels and fields."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

import pytest
from flask.logging import default_handler

from flask_kafka_events.log_line import PREFIX, Kind, Line
from tests.sending import shop
from tests.servers.serving import ROOT

PAGE = (ROOT / "docs" / "reference" / "logging.md").read_text()
#: What writes a line, and the level that it has; a method of both `AppLog` and `Reminders` that is given one.
LEVELS = {
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "log": "info",
    "tell": "as librdkafka has it",
}


@dataclass
class Written:
    """What the code says of one kind of line."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def functions() -> Iterator[ast.FunctionDef]:
    """Every function of the package."""
    for path in (ROOT / "flask_kafka_events").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield node


def lines_in(node: ast.AST) -> Iterator[tuple[list[str], set[str]]]:
    """The kinds of each `Line(...)` that is made there, and its fields."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Line":
            kinds = [each.value for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)]
            yield list(map(str, kinds)), {str(each.arg) for each in call.keywords}


def levels_in(node: ast.AST) -> set[str]:
    """The levels of the lines that are written there."""
    return {
        LEVELS[call.func.attr]
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in LEVELS
        and any(each.arg == "line" for each in call.keywords)
    }


def written() -> dict[str, Written]:
    """What the code says of each kind of line: a function that makes one writes it, at its own level."""
    found: dict[str, Written] = defaultdict(Written)
    for function in functions():
        for kinds, fields in lines_in(function):
            for kind in kinds:
                found[kind].levels |= levels_in(function)
                found[kind].fields |= fields
    return found


def rows() -> dict[str, tuple[str, set[str]]]:
    """The page's second table: each kind's level and fields."""
    table = PAGE.partition("## The kinds of lines")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in row.split("|")] for row in table.splitlines() if row.startswith("| `")]
    return {row[1].strip("`"): (row[2], set(re.findall(r"`(\w+)`", row[3]))) for row in cells[1:]}


def test_page_lists_every_kind_of_line() -> None:
    """None is missing, and none is there that nobody writes."""
    assert set(rows()) == set(get_args(Kind)) == set(written())


@pytest.mark.parametrize("kind", get_args(Kind))
def test_page_tells_each_kinds_level_and_fields(kind: str) -> None:
    """As the code that writes it has them."""
    level, fields = rows()[kind]
    found = written()[kind]
    assert found.fields == fields
    assert found.levels == {level}


def test_page_lists_every_field() -> None:
    """The first table has those of `Line`, in their order."""
    table = PAGE.partition("## The kinds of lines")[0]
    named = re.findall(rf"^\| `{PREFIX}(\w+)`", table, re.MULTILINE)
    assert named == list(Line.__struct_fields__)


def test_the_formatter_of_the_page_writes_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Word for word, with a datum that JSON has no number for."""
    example, shown = re.findall(r"```(?:python|json)\n(.*?)```", PAGE, re.DOTALL)
    before = default_handler.formatter
    try:
        exec(example, {})  # noqa: S102 - the page's own
        with shop(testing=False) as here:
            here.app.logger.addHandler(default_handler)  # pytest's own handlers keep Flask from adding it
            here.mine.emit("sold", {"price": float("nan")})
    finally:
        default_handler.setFormatter(before)
    assert json.loads(capsys.readouterr().err) == json.loads(shown)
