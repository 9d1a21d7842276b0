"""The chart of a report that stands in the docs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pygal
from pygal.style import CleanStyle

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.sheets import Report

_SHEET: Final = "a request, cpu"
_FLOOR: Final = "no event"


def draw(report: Report, path: Path) -> None:
    """Draw what each variant adds to a request, as SVG, without scripts or anything from elsewhere."""
    sheet = report.sheets[_SHEET]
    chart = pygal.HorizontalBar(
        style=CleanStyle(font_family="sans-serif"), js=[], show_legend=False, print_values=True,
        title="CPU added to a request in its thread, µs", value_formatter=lambda number: f"{number:.1f}",
        height=520, disable_xml_declaration=True, no_prefix=True,
    )  # fmt: skip
    names = [name for name in reversed(sheet.figures) if name != _FLOOR]
    chart.x_labels = names
    chart.add("", [round(sheet.added(name, _FLOOR), 1) for name in names])
    # pygal's script would be about tooltips, which a picture in a page can't show, and says another id each time.
    path.write_text(
        re.sub("<script.*?</script>", "", chart.render(is_unicode=True), flags=re.DOTALL), "utf-8"
    )
