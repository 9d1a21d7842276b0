"""What this package logs, as a handler writes it."""

import logging
from pathlib import Path
from typing import Any, get_args

import pytest

import flask_kafka_events
from flask_kafka_events.log_line import PREFIX, Kind

_PACKAGE = str(Path(flask_kafka_events.__file__).parent)


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Our lines; there are some, and each has its kind."""
    assert all(each["line"] in get_args(Kind) for each in fields(caplog))
    written = [logging.Formatter().format(each) for each in _records(caplog)]
    assert written
    return written


def fields(caplog: pytest.LogCaptureFixture, kind: str | None = None) -> list[dict[str, Any]]:
    """The fields of each of our lines, or of those of a kind, without the prefix that the names have."""
    found = [
        {name.removeprefix(PREFIX): value for name, value in vars(each).items() if name.startswith(PREFIX)}
        for each in _records(caplog)
    ]
    return [each for each in found if kind in (None, each["line"])]


def _records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.pathname.startswith(_PACKAGE)]
