"""The crowd itself: the load generator in a process of its own, and what it reports."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import msgspec

from examples.crowd.environment import ROOT
from tests.leash import leashed


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far the crowd is.

    Attributes:
        seconds: since it began.
        players: those that are there.
        requests: those that are over.
        refused: those of them that were not answered with a success.
    """

    seconds: float
    players: int
    requests: int
    refused: int


class Played(Progress, frozen=True, kw_only=True, tag="played"):
    """What the crowd met with, once it is gone.

    Attributes:
        answered: player, route, and how many requests of this player were answered there with a success.
        refusals: why the others were not, and how many.
        p50: milliseconds within which half of the requests were over, whole ones below 100, as Locust counts them.
        p99: the same of 99 in 100.
        slowest: milliseconds that the slowest request took.
    """

    answered: list[tuple[str, str, int]]
    refusals: Mapping[str, int]
    p50: float
    p99: float
    slowest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """Who shall play, and for how long.

    Attributes:
        players: how many.
        seconds: how long.
        seed: of their dice.
        name: how the names of its players begin; no other crowd has it.
    """

    players: int
    seconds: int
    seed: int
    name: str = field(default_factory=lambda: f"crowd{uuid.uuid4().hex[:8]}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Players:
    """A crowd that plays."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def reports(self) -> Iterator[Progress | Played]:
        """Each report as it comes, about two a second; the last one is a `Played`.

        Raises:
            click.Abort: they were sent home before they came.
            click.ClickException: the load generator ended without it.
        """
        report: Progress | Played | None = None
        for line in self.process.stdout or ():
            report = msgspec.json.decode(line, type=Progress | Played)
            yield report
        if self.process.wait() == -signal.SIGTERM:
            raise click.Abort
        if not isinstance(report, Played):
            raise click.ClickException(f"The load generator ended:\n{self.log.read_text()[-2000:]}")

    def leave(self) -> None:
        """Have them go before their time: `reports` ends as it would, with what was played until then."""
        self.process.terminate()


_MODULE: Final = "examples.crowd.generator"


@contextmanager
def playing(crowd: Crowd, url: str, folder: Path, *, python: Path) -> Iterator[Players]:
    """A crowd that plays the game at this address; leaving the block ends it.

    Args:
        crowd: who plays.
        url: the game's.
        folder: for the log.
        python: the interpreter that has Locust.
    """
    words = {
        **{name: getattr(crowd, name) for name in ("players", "seconds", "seed")},
        "crowd": crowd.name,
        "host": url,
    }
    options = [word for name, value in words.items() for word in (f"--{name}", str(value))]
    log = folder / "players.log"
    with log.open("wb") as said:
        # In a session of its own: a terminal sends Ctrl-C to all of a session's foreground, and it is told by `leave`.
        process = subprocess.Popen(
            leashed(str(python), "-m", _MODULE, *options), cwd=ROOT, env=_environment(),
            stdout=subprocess.PIPE, stderr=said, start_new_session=True,
        )  # fmt: skip
    with process:
        try:
            yield Players(process=process, log=log)
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """Ours, but for what is meant for our own interpreter."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
