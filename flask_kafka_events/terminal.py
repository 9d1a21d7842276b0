"""How commands speak to a person."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from flask_kafka_events.errors import KafkaEventsError
from flask_kafka_events.event import Event
from flask_kafka_events.printable import printable


@contextmanager
def told() -> Iterator[None]:
    """End a command with an error of this package, or of the disk, as its message."""
    try:
        yield
    except KafkaEventsError as error:
        raise click.ClickException(printable(str(error))) from None
    except BrokenPipeError:  # the reader has seen enough: click's to deal with
        raise
    except OSError as error:
        raise click.ClickException(printable(f"{error.filename}: {error.strerror}")) from None


def echo_table(rows: list[list[str]]) -> None:
    """Print aligned columns; click takes the colours out where the output is no terminal."""
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def json_line(
    event: Event | None, *, key: bytes | str | None, value: bytes | str | None, **more: object
) -> str:
    """One JSON object for a record: what `more` says, then the event; key and value as they are, where it is none."""
    if event is None:
        return json.dumps({**more, "key": text(key), "value": text(value)})
    context = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in event.context().items()
    }
    return json.dumps({**more, "key": event.key, **context, "data": event.decoded()})


def text(content: bytes | str | None) -> str:
    """Bytes as text, whatever they are."""
    return content.decode(errors="backslashreplace") if isinstance(content, bytes) else content or ""


def bold(text: str) -> str:
    """The text in bold, its control characters escaped."""
    return click.style(printable(text), bold=True)
