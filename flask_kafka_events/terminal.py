"""How commands speak to a person."""

import io
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Final

import click

from flask_kafka_events.errors import KafkaEventsError
from flask_kafka_events.event import Event
from flask_kafka_events.printable import printable

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


#: `--json` of a command that prints one object with it.
json_option: Final = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


class AnswerSeconds(click.FloatRange):
    """How long a command waits for a broker's answer: librdkafka takes an hour at most."""

    def __init__(self) -> None:
        super().__init__(0, 3600, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; what is no number is in no range."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


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
        where = "Standard output" if error.filename is None else error.filename
        raise click.ClickException(
            printable(f"{where}: {error.strerror}. Check whose it is, its rights and the disk.")
        ) from None


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


def age(moment: datetime) -> str:
    """How long ago that was, in the largest unit that it has one of: `5 min`; `0 s` for a moment to come."""
    seconds = int(seconds_since(moment))
    name, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // length} {name}"


def seconds_since(moment: datetime) -> float:
    """How long ago that was; 0 for a moment to come."""
    return max(0.0, (datetime.now(timezone.utc) - moment).total_seconds())


def progress(label: str, length: int, *, is_shown: bool = True) -> Any:
    """A bar, where standard error is a terminal and `is_shown`."""
    file = sys.stderr if is_shown and sys.stderr.isatty() else io.StringIO()
    return click.progressbar(length=length, label=label, file=file)
