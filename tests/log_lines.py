"""What this package logs, as a handler writes it."""

import logging
from pathlib import Path

import pytest

import flask_kafka_events

_PACKAGE = str(Path(flask_kafka_events.__file__).parent)


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Our lines; there are some."""
    written = [
        logging.Formatter().format(each) for each in caplog.records if each.pathname.startswith(_PACKAGE)
    ]
    assert written
    return written
