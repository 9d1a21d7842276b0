"""`make crowd PLAYERS=200 SECONDS=60`: starts what it needs, plays, counts, and ends all of it."""

import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from examples.crowd.brokers import Broker, apache_kafka, embedded_broker, why_not_apache_kafka
from examples.crowd.course import counted, play
from examples.crowd.environment import python_of_the_generator
from examples.crowd.game import THREADS, WORKERS, served
from examples.crowd.players import Crowd, playing
from examples.crowd.reading import reading
from examples.game_api.app import TOPIC

_RULE = "!" * 80


@click.command()
@click.option("--players", type=click.IntRange(1), default=200, show_default=True, help="How many play.")
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="How long they play.")
@click.option("--seed", type=int, help="Of the players' dice; drawn and printed where it isn't given.")
@click.option("--bootstrap", metavar="HOST:PORT", help="A Kafka that runs already and has the game's topic.")
@click.option("--url", help="A game that runs already; needs --bootstrap.")
@click.option("--embedded", is_flag=True, help="The embedded broker, even where Apache Kafka can be started.")
def main(
    *, players: int, seconds: int, seed: int | None, bootstrap: str | None, url: str | None, embedded: bool
) -> None:
    """Let a crowd play the game, and count what of it arrives; exit status 1 where something is lost."""
    if url is not None and bootstrap is None:
        raise click.UsageError("--url needs --bootstrap: where that game's events are.")
    crowd = Crowd(players=players, seconds=seconds, seed=random.randrange(10**6) if seed is None else seed)
    python = python_of_the_generator()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left behind
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crowd-")))
        broker = stack.enter_context(broker_of(folder, bootstrap, is_embedded=embedded))
        reader = stack.enter_context(reading(broker.address, TOPIC, crowd.name))
        game, how = None, ""
        if url is None:
            game = stack.enter_context(served(broker.address, folder))
            url, how = game.url, f" under gunicorn, {WORKERS} workers of {THREADS} threads"
        click.echo(f"{broker.name} at {broker.address}, the game at {url}{how}")
        click.echo(f"{players:,} players for {seconds:,} s, seed {crowd.seed}; Ctrl-C ends it sooner")
        there = stack.enter_context(playing(crowd, url, folder, python=python))
        played = play(there, crowd, reader)
        account = counted(played, game, reader)
    click.echo(account)
    for trouble in account.troubles:
        click.echo(f"not well: {trouble}")
    sys.exit(bool(account.troubles))


@contextmanager
def broker_of(folder: Path, given: str | None, *, is_embedded: bool) -> Iterator[Broker]:
    """The broker that is given; else the best one that this machine can run."""
    why_not = "" if is_embedded else why_not_apache_kafka()
    if given is not None:
        yield Broker(name="Kafka", address=given)
    elif is_embedded or why_not:
        if why_not:
            click.echo(f"{_RULE}\nNO APACHE KAFKA: {why_not}", err=True)
            click.echo(f"The events go to the embedded broker, in memory, and prove less.\n{_RULE}", err=True)
        with embedded_broker(folder) as broker:
            yield broker
    else:
        with apache_kafka(folder) as broker:
            yield broker


if __name__ == "__main__":
    main()
