"""`flask kafka-events journal`: what waits on disk, and what was refused for good."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click
from flask.cli import AppGroup

from flask_kafka_events.formats.reading import read_record
from flask_kafka_events.journal.file import JournalFile
from flask_kafka_events.journal.inventory import Holding, dead_letters, holdings
from flask_kafka_events.journal.layout import Entry
from flask_kafka_events.journal_choice import chosen, directory_at_hand, taken
from flask_kafka_events.journal_listing import (
    echo_dead_letters,
    echo_dead_letters_as_json,
    echo_files,
    echo_files_as_json,
)
from flask_kafka_events.journal_replay import check_can_send, replay_left
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import json_line, json_option, progress, told

journal = AppGroup("journal", help="The app's events that wait on disk.")
dead = AppGroup("dead", help="Events that the broker refused for good.")
journal.add_command(dead)

_names = click.argument("names", nargs=-1)
_all = click.option("--all", "is_all", is_flag=True, help="All files that are not in use.")
_yes = click.option("--yes", is_flag=True, help="Don't ask.")
_wait = click.option(
    "--wait",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds without an acknowledgement after which it gives up.",
)


class _Choice(NamedTuple):
    """What a deleting command was told: the files' names, or all of them, and whether not to ask."""

    names: tuple[str, ...]
    is_all: bool
    yes: bool


@journal.command("ls")
@json_option
def list_files(*, as_json: bool) -> None:
    """Print each file and what it holds.

    Its name, whether a process uses it, how many events wait, how many dead letters there are, how old the oldest of
    these is, its bytes on disk.
    """
    directory = directory_at_hand()
    with told():
        found = list(holdings(directory))
    if not found:
        click.echo(f"Nothing is kept in {directory.path}.", err=True)
    if as_json:
        echo_files_as_json(directory, found)
        return
    echo_files(found)
    for each in found:
        if each.trouble:
            click.echo(printable(each.trouble), err=True)


@journal.command()
@_wait
def replay(*, wait: float) -> None:
    """Send what dead processes left, and wait for it.

    Any process of the app does so too, from its first event on.
    """
    directory = directory_at_hand()
    check_can_send()
    replay_left(directory, wait)


@journal.command()
@_names
@click.option("--dead", "is_dead", is_flag=True, help="The dead letters instead.")
def export(names: tuple[str, ...], *, is_dead: bool) -> None:
    """Print events as JSON, one a line.

    They stay where they are; files in use are left out. NAMES are those that `ls` prints; without any, all files.
    """
    directory = directory_at_hand()
    found = chosen(directory, names)
    total = sum(each.dead if is_dead else each.waiting for each in found)
    if not total:
        click.echo(f"There is nothing to export in {directory.path}.", err=True)
    # The lines may go to the same terminal.
    with progress("Exporting", total, is_shown=not sys.stdout.isatty()) as bar:
        for holding in found:
            with taken(directory, holding) as file:
                for line in _dead_lines(file) if is_dead else _lines(file):
                    click.echo(line)
                    bar.update(1)


@journal.command()
@_names
@_all
@_yes
def drop(names: tuple[str, ...], *, is_all: bool, yes: bool) -> None:
    """Delete events that wait; dead letters stay."""
    _drop(_Choice(names, is_all, yes), "event(s)", lambda each: each.waiting, JournalFile.drop_waiting)


@dead.command("ls")
@json_option
def list_dead_letters(*, as_json: bool) -> None:
    """Print each dead letter and its reason.

    A line has its file, the event's id, type and topic, the reason, and what to do.
    """
    directory = directory_at_hand()
    with told():
        letters = dead_letters(directory)
        is_any = echo_dead_letters_as_json(directory, letters) if as_json else echo_dead_letters(letters)
    if not is_any:
        click.echo(f"There are no dead letters in {directory.path}.", err=True)


@dead.command()
@_names
@_wait
def retry(names: tuple[str, ...], *, wait: float) -> None:
    """Send dead letters again.

    In their old order; those of files that are in use are left alone. NAMES are those that `journal ls` prints; without
    any, all files.
    """
    directory = directory_at_hand()
    check_can_send()
    revived = 0
    for holding in chosen(directory, names):
        if holding.dead or holding.state == "dead letters":
            with taken(directory, holding, to_send=True) as file:
                revived += file.revive()
    click.echo(f"{revived} dead letter(s) wait again.")
    if revived:
        replay_left(directory, wait)


@dead.command("drop")
@_names
@_all
@_yes
def drop_dead_letters(names: tuple[str, ...], *, is_all: bool, yes: bool) -> None:
    """Delete dead letters; what waits stays."""
    _drop(_Choice(names, is_all, yes), "dead letter(s)", lambda each: each.dead, JournalFile.drop_dead)


def _drop(
    choice: _Choice, what: str, count: Callable[[Holding], int], forget: Callable[[JournalFile], int]
) -> None:
    if bool(choice.names) is choice.is_all:
        raise click.UsageError("Name files as `flask kafka-events journal ls` prints them, or give --all.")
    directory = directory_at_hand()
    found = [each for each in chosen(directory, choice.names) if count(each)]
    echo_files(found)
    if found and not choice.yes:
        total = sum(map(count, found))
        click.confirm(f"Delete {total} {what} of these files? Nothing brings them back.", abort=True)
    deleted = 0
    for holding in found:
        with taken(directory, holding) as file:
            deleted += forget(file)
    click.echo(f"Deleted {deleted} {what}.")


def _lines(file: JournalFile) -> Iterator[str]:
    return (_line(entry) for entry in file.records())


def _dead_lines(file: JournalFile) -> Iterator[str]:
    for letter in file.dead_letters():
        yield _line(letter.entry, reason=letter.reason, explanation=letter.explanation)


def _line(entry: Entry, **more: str) -> str:
    record = entry.record
    return json_line(read_record(record), key=record.key, value=record.value, topic=record.topic, **more)
