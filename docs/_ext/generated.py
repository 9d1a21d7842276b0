"""Puts what is made from the code itself into the pages that ask for it: `<!-- generated: settings -->`."""

import re
from collections.abc import Callable
from typing import Any, Final

from docs._ext import (
    command_reference,
    error_reference,
    growth_figures,
    layer_table,
    readme_part,
    setting_reference,
    signal_reference,
)

MARK: Final = re.compile(r"^<!-- generated: (.+) -->$", re.MULTILINE)

_MAKERS: Final[dict[str, Callable[[], str]]] = {
    "settings": setting_reference.markdown,
    "commands": command_reference.markdown,
    "errors": error_reference.markdown,
    "signals": signal_reference.markdown,
    "guarantees": readme_part.markdown,
    "measured growth": growth_figures.measured,
    "reckoned growth": growth_figures.reckoned,
}


def filled(text: str) -> str:
    """A page's text, with what its marks ask for in their place."""
    return MARK.sub(lambda mark: _made(mark[1]), text)


def _made(name: str) -> str:
    if name.startswith("layers "):
        return layer_table.markdown(*name.split()[1:])
    return _MAKERS[name]()


def _fill(_app: object, _page: str, content: list[str]) -> None:
    content[0] = filled(content[0])


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
