"""Which files a journal command is for, and the sole right to them while it lasts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.errors import JournalError
from flask_kafka_events.journal.directory import JournalDirectory, directory_of
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.inventory import Holding, holdings
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import told


def directory_at_hand() -> JournalDirectory:
    """The journal directory of the app at hand; that it doesn't exist is said.

    Raises:
        click.ClickException: the app has none, or it can't be used: it is another user's, say.
    """
    with told():
        pipeline = pipeline_of(current_app)
    directory = directory_of(pipeline.settings, pipeline.host.name, pipeline.host.log)
    if directory is None:
        raise click.ClickException(
            f"App {pipeline.host.name!r} has no journal. Set KAFKA_EVENTS_JOURNAL to the directory that its processes use."
        )
    with told():
        _check(directory)
    return directory


def _check(directory: JournalDirectory) -> None:
    try:
        directory.check_owner()
        # Of a directory that can't be read glob() gives nothing, and no error; the dot asks for the right to enter, too.
        os.scandir(f"{directory.path}/.").close()
    except FileNotFoundError:
        click.echo(
            f"There is no directory {printable(str(directory.path))}: the app's processes make it at their first event, or "
            f"their KAFKA_EVENTS_JOURNAL is another.",
            err=True,
        )
    except OSError as error:
        raise JournalError(
            f"Journal directory {directory.path} can't be used: {error.strerror}. Check its rights, run this as the app's "
            f"own user, or name in KAFKA_EVENTS_JOURNAL the directory that its processes use."
        ) from None


def chosen(directory: JournalDirectory, names: tuple[str, ...]) -> list[Holding]:
    """The files of these names, or without any all that can be taken.

    Raises:
        click.ClickException: a named one is in use, can't be read, or isn't there.
    """
    with told():
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
