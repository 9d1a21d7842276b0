"""Whether the app can be made at all, and what was started on the way."""

from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Final

from flask import Flask

from flask_kafka_events.apps import EXTENSION
from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.doctor.property_names import property_hint
from flask_kafka_events.errors import KafkaEventsError

SETTINGS: Final = Check(
    name="settings",
    severity="error",
    finds="A setting or an argument that isn't known, has the wrong type or would break a guarantee, so that the app can't "
    "be made: a mistyped setting, `acks` in `PRODUCER`, a property that librdkafka doesn't know.",
    next_step="Correct it and run doctor again: nothing else of the app can be looked at before.",
)
EXTENSION_MISSING: Final = Check(
    name="extension",
    severity="error",
    finds="An app without `KafkaEvents`.",
    next_step="Call events.init_app(app) in your app factory.",
)

CHECKS: Final = (SETTINGS, EXTENSION_MISSING)

_PACKAGE: Final = Path(__file__).resolve().parent.parent


def load(make: Callable[[], Flask]) -> Flask | Finding:
    """The app, or why it can't be looked at."""
    try:
        app = make()
    except KafkaEventsError as error:
        step = f"{property_hint(str(error))} {SETTINGS.next_step}".strip()
        return SETTINGS.found(str(error), where=_place(error.__traceback__), next_step=step)
    if EXTENSION not in app.extensions:
        return EXTENSION_MISSING.found(f"App {app.name!r} has no KafkaEvents.", where=f"app {app.name!r}")
    return app


def _place(traceback: TracebackType | None) -> str:
    """The innermost line of the app's own that led here."""
    frames = [frame for frame in extract_tb(traceback) if not _is_ours(frame.filename)]
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "the app"


def _is_ours(file: str) -> bool:
    return _PACKAGE in Path(file).resolve().parents
