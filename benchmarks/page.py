"""The figures in a page of the docs, replaced by those of a report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.tables import goals_of, table_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.sheets import Report


def machine_of(report: Report) -> str:
    """When and on what it was taken, as a paragraph."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    code = f" of commit {report.commit}" if report.commit else ""
    return f"Taken at {report.taken}{code} on {report.machine}, with {versions}.\n"


def refresh(page: Path, report: Report) -> None:
    """Write the report's figures over those of the page: the tables that it has, the goals, the machine."""
    text = page.read_text("utf-8")
    for name, sheet in report.sheets.items():
        text = _replaced(rf"(?ms)(^```\n){re.escape(name)} {{2,}}.*?(?=^```$)", table_of(name, sheet), text)
    text = _replaced(r"(?ms)(^```\n)(?:NOT )?[mM][eE][tT] .*?(?=^```$)", goals_of(report)[0], text)
    text = _replaced(r"(?ms)(^)Taken at .*?\n(?=\n)", machine_of(report), text)
    page.write_text(text, "utf-8")


def _replaced(pattern: str, new: str, text: str) -> str:
    return re.sub(pattern, lambda found: found[1] + new, text)
