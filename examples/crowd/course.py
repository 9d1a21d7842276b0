"""A crowd from its arrival to its account."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final

import click
from confluent_kafka import KafkaException

from examples.crowd.account import Account
from examples.crowd.game import Game
from examples.crowd.players import Crowd, Played, Players, Progress
from examples.crowd.reading import Reader

#: How long what is on the topic may take to be read, once the crowd is gone and all is sent.
SETTLE_SECONDS: Final = 60.0
#: What waits, and hasn't moved for so long, doesn't come any more.
STILL_SECONDS: Final = 10.0


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
            _wait(lambda: _account(played, None, reader).lost == 0, lambda: len(reader))
        else:
            _wait(lambda: game.ledger().undecided == 0, game.ledger)
            game.end()
            reader.read_all(seconds=SETTLE_SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise click.ClickException(f"The topic can't be read to its end: {error}") from error
    return _account(played, game, reader)


def _wait(is_done: Callable[[], bool], measure: Callable[[], object]) -> None:
    """Wait until it is done, or hasn't moved for so long that it won't be: the account tells what is missing."""
    before, moved = measure(), time.monotonic()
    while not is_done() and time.monotonic() - moved < STILL_SECONDS:
        now = measure()
        if now != before:
            before, moved = now, time.monotonic()
        time.sleep(0.05)


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
