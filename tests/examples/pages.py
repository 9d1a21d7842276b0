"""The pages of the docs, and the blocks of code on them.

What a block can't be checked for is said in a comment right before it:

- `<!-- not checked: reason -->` for one that nothing here can check;
- `<!-- compiled: reason -->` for Python that isn't run;
- `<!-- checked by tests/... -->` for one that another test holds to the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_MARK: Final = re.compile(r"<!-- (not checked|compiled|checked by):? (.+?) -->\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: where it is, relative to the project.
        line: the line of its first line there, from 1.
        language: what stands after the fence; empty for nothing.
        text: its content.
        mark: `not checked`, `compiled` or `checked by`; empty for none.
        reason: what the mark says.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page of the docs, and the two that stand beside them."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def blocks_of(page: Path, *, root: Path = ROOT) -> Iterator[Block]:
    """The page's blocks, without Sphinx's directives, which the build checks."""
    before = ""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence" and not token.info.startswith("{") and token.map is not None:
            mark = _MARK.fullmatch(before)
            yield Block(
                page=str(page.relative_to(root)),
                line=token.map[0] + 2,
                language=token.info.strip(),
                text=token.content,
                mark=mark[1] if mark else "",
                reason=" ".join(mark[2].split()) if mark else "",
            )
        before = token.content if token.type == "html_block" else ""


@cache
def blocks() -> tuple[Block, ...]:
    """The blocks of all pages."""
    return tuple(block for page in pages() for block in blocks_of(page))


def in_language(*languages: str) -> list[Block]:
    """The blocks in one of these languages that no mark takes out."""
    return [block for block in blocks() if block.language in languages and block.mark != "not checked"]
