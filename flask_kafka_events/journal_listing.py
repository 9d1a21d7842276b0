"""What a journal directory holds, as a person or a program reads it."""

import json
from collections.abc import Iterable
from pathlib import Path

import click

from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.inventory import Holding
from flask_kafka_events.journal.layout import DeadLetter
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import age, bold, echo_table


def echo_files(found: list[Holding]) -> None:
    """Print a line for each file."""
    if found:
        echo_table([_row(each) for each in found])


def echo_files_as_json(directory: JournalDirectory, found: list[Holding]) -> None:
    """Print one JSON object for all files; null where a file has no oldest event, or no trouble."""
    files = [
        {
            "name": each.path.name,
            "state": each.state,
            "waiting": each.waiting,
            "dead": each.dead,
            "oldest": None if each.oldest is None else each.oldest.isoformat(),
            "bytes": each.size,
            "trouble": each.trouble or None,
        }
        for each in found
    ]
    click.echo(json.dumps({"directory": str(directory.path), "files": files}))


def echo_dead_letters(letters: Iterable[tuple[Path, DeadLetter]]) -> bool:
    """Print a line for each dead letter; False where there is none."""
    is_any = False
    for path, letter in letters:
        is_any = True
        click.echo("  ".join(map(printable, _words(path, letter).values())))
    return is_any


def echo_dead_letters_as_json(
    directory: JournalDirectory, letters: Iterable[tuple[Path, DeadLetter]]
) -> bool:
    """Print one JSON object for all dead letters; False where there is none."""
    found = [_words(path, letter) for path, letter in letters]
    click.echo(json.dumps({"directory": str(directory.path), "dead_letters": found}))
    return bool(found)


def _row(holding: Holding) -> list[str]:
    return [
        bold(holding.path.name),
        holding.state,
        f"{holding.waiting} waiting",
        f"{holding.dead} dead",
        f"oldest {'-' if holding.oldest is None else age(holding.oldest)}",
        f"{holding.size} bytes",
    ]


def _words(path: Path, letter: DeadLetter) -> dict[str, str]:
    record = letter.entry.record
    return {
        "file": path.name,
        "id": record.id,
        "type": record.type,
        "topic": record.topic,
        "reason": letter.reason,
        "explanation": letter.explanation,
    }
