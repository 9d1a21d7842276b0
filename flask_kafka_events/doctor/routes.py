"""Which routes have events, as the code and `KAFKA_EVENTS_TYPES` have them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Flask

from flask_kafka_events.content import FieldKey
from flask_kafka_events.decision import REQUEST_TYPE
from flask_kafka_events.drafts import Emission
from flask_kafka_events.placement import layers, skipped, told
from flask_kafka_events.settings import Settings

#: Where the code gives a callable.
A_FUNCTION: Final = "(a function)"


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteEvent:
    """An event as a route emits it.

    Attributes:
        type: its type.
        topic: where it goes; None where nothing says.
        key: the data field that gives its key, `A_FUNCTION`, or None for no key.
        format: how it is written.
        on: `"success"`, `"error"`, `"always"` or `A_FUNCTION`.
        at: `"response"` or `"close"`.
        is_sent: False where the settings switch it off.
        place: where the function stands: `"shop.py, line 12"`.
        passed_over: the wrappers that stand below the decorator: what they answer counts as the function's.
    """

    type: str
    topic: str | None
    key: str | None
    format: str
    on: str
    at: str
    is_sent: bool
    place: str
    passed_over: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """An endpoint whose function is under `@emit_event`.

    Attributes:
        endpoint: Flask's name of it.
        rules: its URLs, as the code has them.
        methods: its HTTP methods.
        is_called: False where the decorator stands above `@route`, so that nothing of that is emitted.
        events: what it emits.
    """

    endpoint: str
    rules: tuple[str, ...]
    methods: tuple[str, ...]
    is_called: bool
    events: tuple[RouteEvent, ...]


def decorated_routes(app: Flask, settings: Settings) -> tuple[Route, ...]:
    """The routes with events, by endpoint."""
    uncalled = skipped(app)
    found = []
    for endpoint, view in sorted(app.view_functions.items()):
        functions = [uncalled[endpoint]] if endpoint in uncalled else [view, *_methods_of(view)]
        events = tuple(event for function in functions for event in _events(function, settings))
        rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint == endpoint]
        route = Route(
            endpoint=endpoint,
            rules=tuple(rule.rule for rule in rules),
            methods=tuple(sorted({method for rule in rules for method in rule.methods or ()})),
            is_called=endpoint not in uncalled,
            events=events,
        )
        found += [route] if events else []
    return tuple(found)


def sent_events(routes: Sequence[Route], settings: Settings) -> list[RouteEvent]:
    """What the settings let through of the routes' events, and of those that every request emits."""
    found = [event for route in routes for event in route.events]
    if settings.requests.enabled:
        request = Emission(
            type=REQUEST_TYPE,
            key=None,
            topic=None,
            fields=None,
            compute=None,
            on="always",
            at="response",
            format=None,
        )
        found.append(_event(request, settings, "every request", ()))
    return [event for event in found if event.is_sent]


def place_of(function: Callable[..., Any]) -> str:
    """Where a function stands; its type where it has no code."""
    code = getattr(function, "__code__", None)
    if code is None:
        return type(function).__name__
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}"


def _class_of(view: Callable[..., Any]) -> type | None:
    """A class-based view's; a mock has something by that name, too."""
    of = getattr(view, "view_class", None)
    return of if isinstance(of, type) else None


def _methods_of(view: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The functions of a class-based view that answer requests."""
    of = _class_of(view)
    names = ("dispatch_request", *sorted(map(str.lower, getattr(of, "methods", None) or ())))
    return (function for name in names if (function := getattr(of, name, None)) is not None)


def _called(wrapper: Callable[..., Any]) -> str:
    # functools.wraps gives a wrapper the name of what it wraps; its code knows better, as far as Python 3.10 tells it.
    code = getattr(wrapper, "__code__", None)
    name = getattr(code, "co_qualname", getattr(code, "co_name", type(wrapper).__name__))
    return f"{name.partition('.<locals>')[0]} ({place_of(wrapper)})"


def _events(function: Callable[..., Any], settings: Settings) -> Iterator[RouteEvent]:
    chain = list(layers(function))
    # A View's decorators stand around a function of Flask's own, and the outermost of them knows the class.
    view = _class_of(function)
    place = place_of(chain[-1]) if view is None else f"class {view.__qualname__}"
    for at, layer in enumerate(chain):
        emission = told(layer)
        if emission is not None:
            # The innermost is the function itself, other decorators of ours are no wrappers that answer.
            below = [_called(each) for each in chain[at + 1 : -1] if told(each) is None]
            yield _event(emission, settings, place, tuple(below))


def _event(emission: Emission, settings: Settings, place: str, passed_over: tuple[str, ...]) -> RouteEvent:
    rule = settings.types.for_type(emission.type)
    key = FieldKey(rule.key) if rule.key else emission.key
    return RouteEvent(
        type=emission.type,
        topic=rule.topic or emission.topic or settings.topic,
        key=key.name if isinstance(key, FieldKey) else A_FUNCTION if key else None,
        format=rule.format or emission.format or settings.format,
        on=emission.on if isinstance(emission.on, str) else A_FUNCTION,
        at=emission.at,
        is_sent=settings.enabled and rule.enabled and rule.sample > 0,
        place=place,
        passed_over=passed_over,
    )
