"""The tree of errors, as `errors.py` has it."""

import inspect
from collections.abc import Iterator

import flask_kafka_events
from flask_kafka_events.errors import KafkaEventsError


def markdown() -> str:
    """The tree as a list, then each public error."""
    tree = "\n".join(f"{'  ' * depth}- {_named(error)}" for depth, error in tree_of(KafkaEventsError))
    entries = "\n".join(
        f".. autoexception:: flask_kafka_events.{error.__name__}\n"
        for _, error in tree_of(KafkaEventsError)
        if is_public(error)
    )
    return f"{tree}\n\n## Each of them\n\n```{{eval-rst}}\n{entries}\n```"


def tree_of(error: type[Exception], depth: int = 0) -> Iterator[tuple[int, type[Exception]]]:
    """The error, and those that are of its kind, each with its depth."""
    yield depth, error
    for each in error.__subclasses__():
        if each.__module__ == KafkaEventsError.__module__:
            yield from tree_of(each, depth + 1)


def is_public(error: type[Exception]) -> bool:
    """Whether an app imports it from the package."""
    return error.__name__ in flask_kafka_events.__all__


def _named(error: type[Exception]) -> str:
    if is_public(error):
        return f"{{py:exc}}`~flask_kafka_events.{error.__name__}`"
    meaning = inspect.getdoc(error) or ""
    return f"`{error.__name__}` (in `flask_kafka_events.errors`): {meaning.splitlines()[0]}"
