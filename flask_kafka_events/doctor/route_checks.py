"""Decorators in the wrong place, and rules that match nothing."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from flask import Flask

from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.doctor.routes import A_FUNCTION, Route, RouteEvent, sent_events
from flask_kafka_events.encoding import is_redacted
from flask_kafka_events.setting_values import did_you_mean
from flask_kafka_events.settings import Settings

ABOVE_ROUTE: Final = Check(
    name="decorator-above-route",
    severity="error",
    finds="`@emit_event` above `@route`: Flask has registered the function below it, and no event is ever emitted.",
    next_step="Move it below every other decorator, directly above the function.",
)
ABOVE_WRAPPER: Final = Check(
    name="decorator-above-wrapper",
    severity="warning",
    finds="`@emit_event` above another wrapper, `login_required` for example: what that answers by itself, a redirect to "
    "the login say, counts as the function's success.",
    next_step="Move it below every other decorator, directly above the function.",
)
NEVER_EMITS: Final = Check(
    name="route-never-emits",
    severity="warning",
    finds="A decorated route for HEAD and OPTIONS alone, which emit only where a callable `on=` says so.",
    next_step="Give the route another method, or the decorator a callable `on=`.",
)
SWITCHED_OFF: Final = Check(
    name="event-switched-off",
    severity="note",
    finds="A decorated route whose event `KAFKA_EVENTS_ENABLED` or `KAFKA_EVENTS_TYPES` switches off.",
    next_step="If it should be sent, take `enabled` or `sample` out of the settings.",
)
NO_TOPIC: Final = Check(
    name="topic-not-named",
    severity="error",
    finds="An event for which neither the code nor the settings name a topic.",
    next_step="Set KAFKA_EVENTS_TOPIC, or give the decorator a topic.",
)
KEY_REDACTED: Final = Check(
    name="key-redacted",
    severity="error",
    finds="A key that is a field which `KAFKA_EVENTS_REDACT` keeps inside the process: the event goes without a key, and "
    "so without an order.",
    next_step="Choose another field as the key, or take the field out of KAFKA_EVENTS_REDACT.",
)
UNUSED_TYPE: Final = Check(
    name="type-rule-unused",
    severity="warning",
    finds="An entry of `KAFKA_EVENTS_TYPES` that no decorated route has, but nearly.",
    next_step="Correct the name in KAFKA_EVENTS_TYPES.",
)
UNUSED_REQUESTS: Final = Check(
    name="request-rule-unused",
    severity="warning",
    finds="A glob in `KAFKA_EVENTS_REQUESTS` that no endpoint matches.",
    next_step="Correct the glob: `flask routes` prints the endpoints.",
)

CHECKS: Final = (
    ABOVE_ROUTE,
    ABOVE_WRAPPER,
    NEVER_EMITS,
    SWITCHED_OFF,
    NO_TOPIC,
    KEY_REDACTED,
    UNUSED_TYPE,
    UNUSED_REQUESTS,
)

_SILENT: Final = frozenset({"HEAD", "OPTIONS"})


def check_routes(app: Flask, settings: Settings, routes: Sequence[Route]) -> Iterator[Finding]:
    """What is wrong with the decorated routes, and with the rules for them."""
    for route in routes:
        for event in route.events:
            where = f"endpoint {route.endpoint!r} ({event.place})"
            yield from _placement(route, event, where)
            yield from _event(event, settings, where)
    nowhere = sorted(repr(event.type) for event in sent_events(routes, settings) if event.topic is None)
    if nowhere:
        names = ", ".join(dict.fromkeys(nowhere))
        yield NO_TOPIC.found(f"Nothing names a topic for {names}.", where="KAFKA_EVENTS_TOPIC")
    if not settings.enabled:
        yield SWITCHED_OFF.found("No event is sent.", where="KAFKA_EVENTS_ENABLED")
    yield from _unused_types(settings, routes)
    yield from _unused_requests(app, settings)


def _placement(route: Route, event: RouteEvent, where: str) -> Iterator[Finding]:
    decorator = f"@emit_event({event.type!r})"
    if not route.is_called:
        problem = f"{decorator} stands above @route, so Flask never calls it and nothing is emitted."
        yield ABOVE_ROUTE.found(problem, where=where)
    for wrapper in event.passed_over:
        problem = f"{decorator} stands above {wrapper}: what that answers counts as the function's success."
        yield ABOVE_WRAPPER.found(problem, where=where)
    if set(route.methods) <= _SILENT and event.on != A_FUNCTION:
        yield NEVER_EMITS.found("HEAD and OPTIONS emit no event, and it has no other method.", where=where)


def _event(event: RouteEvent, settings: Settings, where: str) -> Iterator[Finding]:
    if settings.enabled and not event.is_sent:
        yield SWITCHED_OFF.found(f"Event {event.type!r} is switched off.", where=where)
    if event.key not in (None, A_FUNCTION) and is_redacted(str(event.key), settings.redact):
        problem = (
            f"Event {event.type!r} has the redacted field {event.key!r} as its key, and goes without one."
        )
        yield KEY_REDACTED.found(problem, where=where)


def _unused_types(settings: Settings, routes: Sequence[Route]) -> Iterator[Finding]:
    """A name that isn't any decorated event's may be one of emit()'s: only one that is nearly another's is suspicious."""
    types = tuple({event.type for route in routes for event in route.events})
    for name, _ in settings.types.rules:
        hint = did_you_mean(name, types)
        if hint and not any(fnmatchcase(each, name) for each in types):
            yield UNUSED_TYPE.found(
                f"No decorated event has the type {name!r}. {hint}", where="KAFKA_EVENTS_TYPES"
            )


def _unused_requests(app: Flask, settings: Settings) -> Iterator[Finding]:
    for glob in (*settings.requests.include, *settings.requests.exclude):
        if not any(fnmatchcase(endpoint, glob) for endpoint in app.view_functions):
            yield UNUSED_REQUESTS.found(f"No endpoint matches {glob!r}.", where="KAFKA_EVENTS_REQUESTS")
