"""How one member of the speed layer is started: options, and the environment variables that give their defaults."""

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.game_api.app import TOPIC

BOOTSTRAP_SERVERS: Final = "FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS"
DATABASE: Final = "GAME_SPEED_LAYER_DB"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What one member is told.

    Attributes:
        bootstrap_servers: where Kafka is: `host:port,...`.
        topic: where the game's events are, and alerts go.
        group: the consumer group; its members share the topic's partitions.
        database: SQLAlchemy's URL of the results.
        state: the directory where members keep the state of their windows.
        window_seconds: how long a window is.
        late_seconds: how much older than the player's latest an event may be.
        commit_seconds: how long results wait to be written together.
        alert_swords: as many swords by one player in one window are an alert.
    """

    bootstrap_servers: str
    topic: str
    group: str
    database: str
    state: Path
    window_seconds: int
    late_seconds: int
    commit_seconds: float
    alert_swords: int


def read_options(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """The options of a command line; ends the program where they are wrong."""
    given = _parser(environment).parse_args(arguments)
    return Options(
        bootstrap_servers=given.bootstrap_servers,
        topic=given.topic,
        group=given.group,
        database=given.database if "://" in given.database else f"sqlite:///{given.database}",
        state=given.state,
        window_seconds=given.window_seconds,
        late_seconds=given.late_seconds,
        commit_seconds=given.commit_seconds,
        alert_swords=given.alert_swords,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.game_api.speed_layer",
        description="Count the game's purchases by player and window of event time, and alert.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    servers = environment.get(BOOTSTRAP_SERVERS, "localhost:9092")
    add("--bootstrap-servers", default=servers, type=_servers, help=f"also {BOOTSTRAP_SERVERS}")
    add("--topic", default=environment.get("FLASK_KAFKA_EVENTS_TOPIC", TOPIC), help="the game's events")
    add("--group", default="speed_layer", help="members of one group share the work")
    database = environment.get(DATABASE, "speed_layer.db")
    add("--database", default=database, help=f"a file, or a URL as SQLAlchemy has it; also {DATABASE}")
    state = Path(environment.get("GAME_SPEED_LAYER_STATE", "speed_layer.state"))
    add("--state", default=state, type=Path, help="a directory for the windows' state")
    add("--window-seconds", default=60, type=_positive, help="how long a window is")
    add(
        "--late-seconds",
        default=600,
        type=_positive,
        help="how much older than the player's latest is too late",
    )
    add("--commit-seconds", default=0.5, type=_seconds, help="how long results wait to be written together")
    add("--alert-swords", default=10, type=_positive, help="as many by one player in one window are an alert")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return seconds


def _servers(text: str) -> str:
    if text == "embedded":
        raise argparse.ArgumentTypeError(
            "the embedded broker can't keep a group's state; name an Apache Kafka, as host:port"
        )
    return text
