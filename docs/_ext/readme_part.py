"""The guarantee table, which stands in the README and nowhere else."""

from typing import Final

from docs._ext.project_file import ROOT

FIRST: Final = "| | broker restarts |"
LAST: Final = "At least once,"


def markdown() -> str:
    """The table and the notes under it, with links from a page of `docs/explanation`."""
    _, found, rest = (ROOT / "README.md").read_text().partition(FIRST)
    table = (found + rest.partition(LAST)[0]).strip()
    return table.replace("](docs/", "](../").replace("each server below", "[each server](../how-to/index.md)")
