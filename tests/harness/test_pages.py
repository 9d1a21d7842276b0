"""The check of the docs goes red: for a command, an option, a setting that isn't there, for Python that fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from flask_kafka_events import ConfigurationError
from tests.examples import page_of_python, pages, shell_lines
from tests.examples.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "line",
    [
        "make dinner",
        "flask --app shop kafka-events tale shop_events",
        "flask --app shop kafka-events tail shop_events --until-noon",
        "flask --app shop kafka-events emit",
        "flask --app shop kafka-events topics create shop_events --partitions many",
        "pip install flask-kafka-events[lemon]",
        "python3 -m nothing_of_that_name",
        "gunicorn --with-lemon shop:app",
        "export FLASK_KAFKA_EVENTS_TOPIK=shop_events",
        "FLASK_KAFKA_EVENTS_QUEUE_EVENTS=many flask --app shop run",
        "export FLASK_KAFKA_EVENTS_PRODUCER__acks=1",
        "curl http://127.0.0.1:5000/ | frobnicate",
    ],
)
def test_a_line_that_would_not_work_is_found(line: str) -> None:
    """Each of these lines is wrong in one word."""
    with pytest.raises((AssertionError, click.UsageError, ConfigurationError)):
        shell_lines.check_block(line)


def test_a_line_is_read_as_a_shell_reads_it() -> None:
    """Comments, continued lines, quotes, pipes and redirections."""
    text = "a 'b c' \\\n  d  # e\nf && g > h i | j\n"
    assert list(shell_lines.commands(text)) == [["a", "b c", "d"], ["f"], ["g", "i"], ["j"]]


def test_blocks_have_their_marks(tmp_path: Path) -> None:
    """The comment right before a block is its mark; Sphinx's own directives are no blocks."""
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\n```python\n1\n```\n\n<!-- not checked: it is\nlong ago -->\n```text\nx\n```\n\n"
        "- in a list\n\n  ```sh\n  ls\n  ```\n\n```{toctree}\nx\n```\n"
    )
    found = pages.blocks_of(page, root=tmp_path)
    read = [(each.line, each.language, each.text, each.mark, each.reason) for each in found]
    assert read == [
        (4, "python", "1\n", "", ""),
        (10, "text", "x\n", "not checked", "it is long ago"),
        (16, "sh", "ls\n", "", ""),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nowhere", "NameError"),
        ("@app.get('/')\ndef view():\n    return 'no', 404", "GET /: 404"),
        (
            """
from flask_kafka_events import emit_event

@app.get("/")
@emit_event("sold")
def view():
    return "sold"

events.for_app(app).close()
""",
            "'closed': 1",
        ),
    ],
    ids=["raises", "answers with an error", "loses its event"],
)
def test_a_page_that_does_not_work_is_found(text: str, told: str, tmp_path: Path) -> None:
    """Python that raises, a route that fails, an event that doesn't arrive."""
    done = subprocess.run(
        [sys.executable, page_of_python.__file__],
        input=json.dumps({"page": "page.md", "blocks": [[3, text]]}),
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "FLASK_KAFKA_EVENTS_TOPIC": "t",
            "FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        },
        cwd=tmp_path, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert told in done.stderr
