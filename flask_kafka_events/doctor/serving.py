"""How the app is served, as far as the environment and the command line tell."""

import argparse
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Both of gunicorn's time-outs, where nobody sets them; Kubernetes gives as long.
GUNICORN_SECONDS: Final = 30.0
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """What is known of the server.

    Attributes:
        workers: how many processes serve the app.
        worker_class: gunicorn's word for their kind; empty where nothing tells.
        graceful_seconds: how long the server lets a worker end before it kills it; gunicorn's default where nothing tells.
        request_seconds: how long it lets a worker be silent before it aborts it; gunicorn's default where nothing tells.
    """

    workers: int = 1
    worker_class: str = ""
    graceful_seconds: float = GUNICORN_SECONDS
    request_seconds: float = GUNICORN_SECONDS


def read_serving(environment: Mapping[str, str], workers: int | None = None) -> Serving:
    """Read `WEB_CONCURRENCY` and `GUNICORN_CMD_ARGS`; what can't be read counts as not said.

    Args:
        environment: the process's.
        workers: what the command line says, which goes before both.
    """
    said = _gunicorn_options(environment.get("GUNICORN_CMD_ARGS", ""))
    graceful, silent = _number(said.graceful_timeout), _number(said.timeout)
    counts = (workers, _number(said.workers), _number(environment.get("WEB_CONCURRENCY")))
    return Serving(
        workers=next((count for count in counts if count), 1),
        worker_class=said.worker_class or "",
        graceful_seconds=GUNICORN_SECONDS if graceful is None else graceful,
        # 0 is gunicorn's word for no limit.
        request_seconds=GUNICORN_SECONDS if silent is None else silent or math.inf,
    )


def _gunicorn_options(line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    # With "?" an option without its value is None and no error, which would end the command.
    for names in (
        ("-w", "--workers"),
        ("-k", "--worker-class"),
        ("-t", "--timeout"),
        ("--graceful-timeout",),
    ):
        parser.add_argument(*names, nargs="?")
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that nobody closes
        words = []
    return parser.parse_known_args(words)[0]


def _number(word: str | None) -> int | None:
    return int(word) if word and _NUMBER.fullmatch(word) else None
