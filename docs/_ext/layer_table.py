"""A part of the layers of `pyproject.toml`, with what each module says of itself."""

import ast
from typing import Final, cast

from docs._ext.project_file import ROOT, pyproject

PACKAGE: Final = ROOT / "flask_kafka_events"


def markdown(first: str, _to: str, last: str) -> str:
    """The table of the layers from that of the module `first` down to that of `last`."""
    rows = [f"| `{name}` | {says(name)} |" for layer in part(first, last) for name in layer]
    return "\n".join(["| module | what it is for |", "|---|---|", *rows])


def part(first: str, last: str) -> list[list[str]]:
    """The layers from that of the module `first` down to that of `last`."""
    every = layers()
    top, bottom = (next(i for i, each in enumerate(every) if name in each) for name in (first, last))
    return every[top : bottom + 1]


def layers() -> list[list[str]]:
    """The modules of each layer, from the top."""
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    (found,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [
        [name.strip(" ()") for name in layer.replace(":", "|").split("|")]
        for layer in cast("list[str]", found)
    ]


def says(module: str) -> str:
    """The first line of a module's docstring."""
    path = PACKAGE / module
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return docstring.partition("\n")[0].replace("|", "\\|")
