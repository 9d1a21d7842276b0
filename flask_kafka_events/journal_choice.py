"""Which files a journal command is for, and the sole right to them while it lasts."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from flask import current_app

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.journal.directory import JournalDirectory, directory_of
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.inventory import Holding, holdings
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import bold, echo_table, told


def directory_at_hand() -> JournalDirectory:
    """The journal directory of the app at hand.

    Raises:
        click.ClickException: it has none, or it is another user's.
    """
    pipeline = pipeline_of(current_app)
    directory = directory_of(pipeline.settings, pipeline.host.name, pipeline.host.log)
    if directory is None:
        raise click.ClickException(
            f"App {pipeline.host.name!r} has no journal. Set KAFKA_EVENTS_JOURNAL to the directory that its processes use."
        )
    with told(), suppress(FileNotFoundError):  # nothing was ever kept there
        directory.check_owner()
    return directory


def chosen(directory: JournalDirectory, names: tuple[str, ...]) -> list[Holding]:
    """The files of these names, or without any all that can be taken.

    Raises:
        click.ClickException: a named one is in use, can't be read, or isn't there.
    """
    known = {each.path.name: each for each in holdings(directory)}
    for name in names:
        if name not in known:
            raise click.ClickException(
                f"There is no journal file {name!r} in {directory.path}. `flask kafka-events journal ls` prints those "
                f"that are."
            )
    named = [known[name] for name in dict.fromkeys(names)]
    free = []
    for holding in named or [each for each in known.values() if each.state != "damaged"]:
        why = _why_not(holding)
        if why and named:
            raise click.ClickException(why)
        if why:
            click.echo(f"{why} It was left alone.", err=True)
        else:
            free.append(holding)
    return free


def _why_not(holding: Holding) -> str:
    name = holding.path.name
    if holding.state == "in use":
        return f"{name} is in use by a living process, which sends what is in it; end that first."
    if holding.state == "damaged":
        return f"{name} was set aside as damaged; what could be read of it is in another file."
    return printable(holding.trouble)


@contextmanager
def taken(directory: JournalDirectory, holding: Holding, *, to_send: bool = False) -> Iterator[JournalFile]:
    """A file, for this command alone while it lasts; with `to_send`, one that is adopted afterwards.

    Raises:
        click.ClickException: somebody else has taken it meanwhile, or it can't be read.
    """
    with told():
        owned = directory.take(holding.path, to_send=to_send)
        try:
            yield owned.file
        finally:
            owned.give_up()


def echo_files(found: list[Holding]) -> None:
    """Print a line for each file."""
    if found:
        echo_table(
            [
                [
                    bold(each.path.name),
                    each.state,
                    f"{each.waiting} waiting",
                    f"{each.dead} dead",
                    f"{each.size} bytes",
                ]
                for each in found
            ]
        )
