"""What the parts below Flask know of the app they serve."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask_kafka_events.app_log import AppLog


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What the pipeline knows of the app it serves.

    Attributes:
        name: the app's, for messages.
        sender: the app, for signals.
        log: its logger.
        strict: whether a mistake in an event is raised where it is made (now) instead of being logged.
        instance: the folder where the embedded broker leaves its address.
    """

    name: str
    sender: object
    log: AppLog
    strict: Callable[[], bool]
    instance: Path
