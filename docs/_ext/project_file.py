"""What stands in `pyproject.toml`."""

import importlib
import sys
from pathlib import Path
from typing import Any, Final, cast

ROOT: Final = Path(__file__).parents[2]


def parsed_toml(text: str) -> dict[str, Any]:
    """A TOML document's content."""
    # tomllib came with Python 3.11.
    toml: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return cast("dict[str, Any]", toml.loads(text))


def pyproject() -> dict[str, Any]:
    """The content of `pyproject.toml`."""
    return parsed_toml((ROOT / "pyproject.toml").read_text())
