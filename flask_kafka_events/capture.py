"""What of a request goes into an event's attributes, and what never does.

Path, query, cookies, body and all headers but those named here stay out unless the app asks for them:
`/reset/<token>` is a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestFacts:
    """What a request gives to its events, asked while it is at hand: it may be gone when they are decided.

    Attributes:
        method: the HTTP method.
        endpoint: Flask's name of it; None where no route was found.
        attributes: extension attributes that are known before the answer.
        trace: what sampling goes by: the id of the request's trace, else its `X-Request-ID`; None for neither.
        idempotency: the caller's scope and the request's `Idempotency-Key`, where the app, the caller and the request
            ask for derived ids.
    """

    method: str
    endpoint: str | None
    attributes: Mapping[str, AttributeValue]
    trace: str | None
    idempotency: tuple[str, str] | None

    def derived_id(self, *, source: str, type: str, ordinal: int, ending: str) -> str | None:
        """The id that an event of a retried request shares with the first attempt's; None where none is asked for.

        Args:
            source: the event's.
            type: the event's.
            ordinal: which event of this type it is in the request, from 0.
            ending: `"success"`, `"error"` or `"emitted"`: a failed attempt and the retry that succeeds are two events.
        """
        if self.idempotency is None:
            return None
        # With the scope, so that nobody can suppress another's event.
        return derived_id(source, type, *self.idempotency, str(ordinal), ending)


def capture(request: Request, settings: Settings, reminders: Reminders) -> RequestFacts:
    """What this request, which is at hand, gives to its events."""
    return RequestFacts(
        method=request.method,
        endpoint=request.endpoint,
        attributes=_attributes(request, settings, reminders),
        trace=_trace_of(request),
        idempotency=_idempotency(request, settings, reminders),
    )


def _attributes(request: Request, settings: Settings, reminders: Reminders) -> dict[str, AttributeValue]:
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


def _trace_of(request: Request) -> str | None:
    traceparent = request.headers.get("traceparent", "")
    if valid_traceparent(traceparent):
        return traceparent.split("-")[1]
    return request.headers.get("X-Request-ID")


def _idempotency(request: Request, settings: Settings, reminders: Reminders) -> tuple[str, str] | None:
    key = request.headers.get("Idempotency-Key") if settings.idempotency else None
    if key is None:
        return None
    scope = _asked("KAFKA_EVENTS_IDEMPOTENCY", settings.idempotency, reminders)
    return None if scope is None else (scope, key)


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
