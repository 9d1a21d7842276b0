"""What the parts below Flask know of the app they serve."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What the pipeline knows of the app it serves.

    Attributes:
        name: the app's, for messages.
        sender: the app, for signals.
        logger: gives its logger.
        strict: whether a mistake in an event is raised where it is made (now) instead of being logged.
        instance: the folder where the embedded broker leaves its address.
    """

    name: str
    sender: object
    logger: Callable[[], logging.Logger]
    strict: Callable[[], bool]
    instance: Path
