"""Finds `@emit_event` above `@route`, where Flask has registered the function below it and never calls ours."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Flask

_MARK: Final = "_flask_kafka_events_wrapper"


def mark(function: Callable[..., Any], wrapper: Callable[..., Any]) -> None:
    """Remember on `function` itself that `wrapper` is to be called in its place."""
    vars(function)[_MARK] = wrapper


def misplaced(app: Flask) -> list[str]:
    """The endpoints whose function is registered without the `@emit_event` that stands above its route."""
    called = {id(function) for view in app.view_functions.values() for function in _layers(view)}
    return [
        endpoint
        for endpoint, view in app.view_functions.items()
        # functools.wraps copies the mark to what is put around a function: it counts only on the function itself.
        if (wrapper := getattr(view, _MARK, None)) is not None
        and getattr(wrapper, "__wrapped__", None) is view
        and id(wrapper) not in called
    ]


def _layers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    layer: Callable[..., Any] | None = function
    while layer is not None:
        yield layer
        layer = getattr(layer, "__wrapped__", None)
