"""The docs are built without a warning, ask nobody else's server for anything, and their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.examples.pages import DOCS

SPHINX: Final = ("-W", "--keep-going", "-n", "-E", "-q", "-b", "html")


class Page(HTMLParser):
    """What a built page links to, loads, and can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.assets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.assets.append(given["href"])
        elif "src" in given:
            self.assets.append(given["src"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built docs; a warning fails each test here."""
    folder = tmp_path_factory.mktemp("docs")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        *SPHINX,
        "-d",
        str(folder / "read"),
        str(DOCS),
        str(folder / "html"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def html(built: Path) -> dict[Path, Page]:
    """Each built page."""
    return {path: Page(path.read_text()) for path in built.rglob("*.html")}


def test_every_page_is_built(built: Path) -> None:
    """Each page of the sources is there, and in the tree: the build warns of one that no list names."""
    for page in DOCS.rglob("*.md"):
        assert (built / page.relative_to(DOCS)).with_suffix(".html").is_file(), page


def test_links_lead_somewhere(html: dict[Path, Page]) -> None:
    """Each link inside the docs leads to a file that is there, and to an anchor that is on it."""
    for path, page in html.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in html[target].anchors, f"{path.name}: {link}"


def test_links_to_others_are_addresses(html: dict[Path, Page]) -> None:
    """A link to elsewhere is an address by https, or one of the reader's own machine; none is asked here."""
    for path, page in html.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                is_own = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
                is_address = parts.scheme == "https" and "." in (parts.hostname or "")
                assert is_own or is_address, f"{path.name}: {link}"
                assert " " not in link, f"{path.name}: {link}"


def test_nothing_is_loaded_from_elsewhere(built: Path, html: dict[Path, Page]) -> None:
    """Scripts, styles, images and fonts are the docs' own files."""
    for path, page in html.items():
        for asset in page.assets:
            assert not urlsplit(asset).netloc, f"{path.name}: {asset}"
            assert (path.parent / urlsplit(asset).path.lstrip("/")).exists() or path.name == "404.html", asset
    for style in built.rglob("*.css"):
        for address in re.findall(r"url\(['\"]?([^'\")]+)", style.read_text()):
            assert not urlsplit(urljoin("", address)).netloc, f"{style.name}: {address}"
