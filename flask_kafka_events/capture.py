"""What of a request goes into an event's attributes, and what never does.

Path, query, cookies, body and all headers but those named here stay out unless the app asks for them:
`/reset/<token>` is a secret.
"""

from collections.abc import Callable
from typing import Final

from flask import Request

from flask_kafka_events.attributes import AttributeValue, captured
from flask_kafka_events.event import derived_id
from flask_kafka_events.reminders import Reminders
from flask_kafka_events.settings import Settings
from flask_kafka_events.trace_context import valid_traceparent, valid_tracestate

_OPTIONAL: Final[dict[str, Callable[[Request], str | None]]] = {
    "httppath": lambda request: request.path,
    # What ProxyFix made of it where the app uses that; X-Forwarded-For itself is anybody's word.
    "clientip": lambda request: request.remote_addr,
    "useragent": lambda request: request.headers.get("User-Agent"),
    "requestid": lambda request: request.headers.get("X-Request-ID"),
}


def request_attributes(
    request: Request, settings: Settings, reminders: Reminders
) -> dict[str, AttributeValue]:
    """The extension attributes that a request gives before it is answered."""
    attributes: dict[str, AttributeValue] = {"httpmethod": captured(request.method)}
    if request.url_rule is not None:
        attributes["httproute"] = captured(request.url_rule.rule)
    if request.endpoint is not None:
        attributes["endpoint"] = captured(request.endpoint)
    for name in settings.capture:
        text = _OPTIONAL[name](request)
        if text is not None:
            attributes[name] = captured(text)
    user = _asked("KAFKA_EVENTS_USERID", settings.userid, reminders)
    if user is not None:
        attributes["userid"] = captured(user)
    attributes.update(_trace_attributes(request))
    return attributes


def trace_of(request: Request) -> str | None:
    """What sampling goes by: the id of the request's trace, else its `X-Request-ID`."""
    traceparent = request.headers.get("traceparent", "")
    if valid_traceparent(traceparent):
        return traceparent.split("-")[1]
    return request.headers.get("X-Request-ID")


def idempotent_id(
    request: Request, settings: Settings, reminders: Reminders, *, type: str, ordinal: int, ending: str
) -> str | None:
    """The id that an event of a retried request shares with the first attempt's.

    Args:
        request: where `Idempotency-Key` is looked for.
        settings: whose `idempotency` gives the caller's scope, so that nobody can suppress another's event.
        reminders: where an exception of that function is told.
        type: the event's type.
        ordinal: which event of this type it is in the request, from 0.
        ending: `"success"`, `"error"` or `"emitted"`: a failed attempt and the retry that succeeds are two events.

    Returns:
        None where the app, the caller or the request doesn't ask for it.
    """
    key = request.headers.get("Idempotency-Key") if settings.idempotency else None
    if key is None:
        return None
    scope = _asked("KAFKA_EVENTS_IDEMPOTENCY", settings.idempotency, reminders)
    if scope is None:
        return None
    return derived_id(settings.source, type, scope, key, str(ordinal), ending)


def _asked(setting: str, ask: Callable[[], object] | None, reminders: Reminders) -> str | None:
    if ask is None:
        return None
    try:
        answer = ask()
        return None if answer is None else str(answer)
    except Exception as error:  # noqa: BLE001 - it is the app's function and may raise anything; the request must not suffer
        reminders.warn(setting, "%s raised %s; the event goes without it.", setting, error.__class__.__name__)
        return None


def _trace_attributes(request: Request) -> dict[str, AttributeValue]:
    traceparent = request.headers.get("traceparent", "")
    if not valid_traceparent(traceparent):
        return {}
    tracestate = request.headers.get("tracestate", "")
    if not valid_tracestate(tracestate):
        return {"traceparent": traceparent}
    return {"traceparent": traceparent, "tracestate": tracestate}
