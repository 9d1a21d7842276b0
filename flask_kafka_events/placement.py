"""Where each `@emit_event` stands: which functions have one, and which Flask calls without it."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Flask

_MARK: Final = "_flask_kafka_events_wrapper"
_TOLD: Final = "_flask_kafka_events_told"


def mark(function: Callable[..., Any], wrapper: Callable[..., Any], told: object) -> None:
    """Remember on `function` that `wrapper` is to be called in its place, and on that what the decorator was told."""
    vars(function)[_MARK] = wrapper
    # With whose it is: functools.wraps copies it to what is put around the wrapper.
    vars(wrapper)[_TOLD] = (wrapper, told)


def told(layer: Callable[..., Any]) -> Any:
    """What `@emit_event` was told, where this is the very function that it made; else None."""
    found = getattr(layer, _TOLD, None)
    # A mock has something by any name.
    return found[1] if isinstance(found, tuple) and found[0] is layer else None


def misplaced(app: Flask) -> list[str]:
    """The endpoints whose function is registered without the `@emit_event` that stands above its route."""
    return list(skipped(app))


def skipped(app: Flask) -> dict[str, Callable[..., Any]]:
    """By endpoint what `@emit_event` has made above its route, where Flask registered the function below and never calls it."""
    called = {id(function) for view in app.view_functions.values() for function in layers(view)}
    return {
        endpoint: wrapper
        for endpoint, view in app.view_functions.items()
        # functools.wraps copies the mark to what is put around a function: it counts only on the function itself.
        if (wrapper := getattr(view, _MARK, None)) is not None
        and getattr(wrapper, "__wrapped__", None) is view
        and id(wrapper) not in called
    }


def layers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The function, what it wraps, what that wraps, to the innermost, or to one that was there already."""
    layer: Callable[..., Any] | None = function
    seen: set[int] = set()
    while layer is not None and id(layer) not in seen:
        yield layer
        seen.add(id(layer))
        layer = getattr(layer, "__wrapped__", None)
