"""What the parts below Flask know of the app they serve."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from flask_kafka_events.app_log import AppLog


class Host(msgspec.Struct, frozen=True, kw_only=True):
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
