"""A crowd from its arrival to its account."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Any, Final

import click
from confluent_kafka import KafkaException

from examples.crowd.account import Account
from examples.crowd.game import Game
from examples.crowd.players import Crowd, Played, Players, Progress
from examples.crowd.reading import Reader
from tests.processes import wait_until

#: How long what waits may take to be sent, and then to be read, once the crowd is gone.
SETTLE_SECONDS: Final = 60.0
#: Of a game whose ledgers can't be read: what hasn't come so long after the last event doesn't come.
SILENCE_SECONDS: Final = 10.0


def play(players: Players, crowd: Crowd, reader: Reader) -> Played:
    """Let them play, and show how far they are; Ctrl-C and SIGTERM send them home.

    Raises:
        click.ClickException: the load generator failed.
    """
    report: Progress | None = None
    with _sent_home_by_signals(players), _bar(crowd.seconds) as bar:
        for report in players.reports():
            seconds = min(int(report.seconds), crowd.seconds) - bar.pos
            bar.update(
                seconds, f"{report.requests:,} requests, {report.refused:,} refused, {len(reader):,} events"
            )
    assert isinstance(report, Played)  # noqa: S101 - else reports has raised
    return report


def counted(played: Played, game: Game | None, reader: Reader) -> Account:
    """Wait until what is on its way has arrived, and sum up; our own game is over then.

    Raises:
        click.ClickException: the topic can't be read to its end.
    """
    try:
        if game is None:
            wait_until(
                lambda: reader.silent_for() > SILENCE_SECONDS or _account(played, None, reader).lost == 0,
                "all has arrived",
                seconds=10 * SETTLE_SECONDS,
            )
        else:
            with suppress(TimeoutError):  # what is undecided for ever is in the ledger
                wait_until(lambda: game.ledger().undecided == 0, "all is sent", seconds=SETTLE_SECONDS)
            game.end()
            reader.read_all(seconds=SETTLE_SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise click.ClickException(f"The topic can't be read to its end: {error}") from error
    return _account(played, game, reader)


def _account(played: Played, game: Game | None, reader: Reader) -> Account:
    ledger = None if game is None else game.ledger()
    return Account(played=played, arrived=dict(reader.arrived), again=reader.again, ledger=ledger)


@contextmanager
def _sent_home_by_signals(players: Players) -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, lambda *_: players.leave())
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _bar(seconds: int) -> Any:
    """On standard error, where that is a terminal."""
    file = sys.stderr if sys.stderr.isatty() else StringIO()
    return click.progressbar(
        length=seconds, label="playing", item_show_func=lambda text: text or "", file=file, show_pos=False
    )
