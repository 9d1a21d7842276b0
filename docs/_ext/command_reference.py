"""Every command of `flask kafka-events`, as click itself knows it."""

from collections.abc import Iterator

import click

from flask_kafka_events.cli import kafka_events


def markdown() -> str:
    """A section for each command, groups before what is in them."""
    root = click.Context(click.Group("flask"), info_name="flask")
    return "\n\n".join(_section(context) for context in contexts(kafka_events, "kafka-events", root))


def contexts(command: click.Command, name: str, parent: click.Context) -> Iterator[click.Context]:
    """A context of the command, and of each that is in it."""
    context = click.Context(command, info_name=name, parent=parent)
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from contexts(found, each, context)


def _section(context: click.Context) -> str:
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    parts = [f"## `{context.command_path}`", (context.command.help or "").strip(), f"```text\n{usage}\n```"]
    parts += [
        _option(option, context) for option in context.command.params if isinstance(option, click.Option)
    ]
    return "\n\n".join(part for part in parts if part)


def _option(option: click.Option, context: click.Context) -> str:
    names, meaning = option.get_help_record(context) or ("", "")
    return f"- `{names}`: {meaning}" if meaning else f"- `{names}`"
