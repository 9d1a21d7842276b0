"""Whether a draft becomes an event, and what the event tells of how its request ended."""

from dataclasses import dataclass, field
from typing import Final

from flask import Request
from werkzeug.exceptions import HTTPException

from flask_kafka_events.attributes import AttributeValue, capped
from flask_kafka_events.capture import idempotent_id, trace_of
from flask_kafka_events.content import Envelope
from flask_kafka_events.drafts import Draft, Outcome
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.request_state import RequestState
from flask_kafka_events.sampling import kept

#: The type of the event that `KAFKA_EVENTS_REQUESTS` emits for each request.
REQUEST_TYPE: Final = "http.request"
#: Methods that ask about a resource and do nothing: they emit only where a callable `on=` says so.
_PASSIVE: Final = frozenset({"HEAD", "OPTIONS"})
_FIRST_ERROR_STATUS: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a request ended, or a function outside one.

    Attributes:
        status: what the client got; None outside a request.
        error: what the request failed with, if anything.
        request: None outside a request.
        state: what is remembered of the request; None outside one.
        attributes: what the request gives to every event.
    """

    status: int | None = None
    error: BaseException | None = None
    request: Request | None = None
    state: RequestState | None = None
    attributes: dict[str, AttributeValue] = field(default_factory=dict)


def decide_draft(draft: Draft, ending: Ending) -> None:
    """Send a draft if the outcome is the one it waits for; count it apart otherwise."""
    pipeline = draft.pipeline
    if draft.content is None:
        pipeline.give_back(draft.place)
        return
    outcome = Outcome(
        status=ending.status,
        error=draft.error or ending.error,
        duration=draft.seconds(),
        method=None if ending.request is None else ending.request.method,
    )
    try:
        matching = _matches(draft, outcome)
    except Exception as error:  # noqa: BLE001 - a callable `on` is the app's and may raise anything
        pipeline.give_back(draft.place)
        pipeline.lose_content(draft.content.type, error)
        return
    if not matching:
        pipeline.give_back(draft.place)
        pipeline.process.ledger.set_apart("not_matching")
        return
    word = "success" if succeeded(draft, outcome) else "error"
    pipeline.send(
        draft.content,
        envelope(pipeline, draft.content.type, ending, word=word, outcome=outcome),
        place=draft.place,
    )


def decide_request(pipeline: Pipeline, request: Request, state: RequestState, ending: Ending) -> None:
    """Emit `http.request` where `KAFKA_EVENTS_REQUESTS` wants it for this request."""
    rules = pipeline.settings.requests
    if request.method in _PASSIVE or not rules.matches(request.endpoint):
        return
    if not kept(rules.sample, trace_of(request) or state.trace):
        pipeline.process.ledger.set_apart("sampled_out")
        return
    content = pipeline.content(REQUEST_TYPE, lambda: None, strict=False)
    if content is not None:
        outcome = Outcome(
            status=ending.status, error=ending.error, duration=state.seconds(), method=request.method
        )
        word = "success" if _below_400(ending.status) else "error"
        pipeline.send(content, envelope(pipeline, REQUEST_TYPE, ending, word=word, outcome=outcome))


def succeeded(draft: Draft, outcome: Outcome) -> bool:
    """Whether the function did what it is for: it wasn't left by an error, and the client got no error either.

    What it raised counts, whatever an error handler or a caller made of it: a payment that raised `CardDeclined`
    under a page with status 200 is no purchase. An exception that is itself an answer below 400 (a redirect) is none.
    """
    if draft.error is not None:
        return _is_answer(draft.error) and _below_400(outcome.status)
    return outcome.error is None and _below_400(outcome.status)


def envelope(
    pipeline: Pipeline, type: str, ending: Ending, *, word: str, outcome: Outcome | None = None
) -> Envelope:
    """What is known of an event beside its content.

    Args:
        pipeline: the app's.
        type: the event's type.
        ending: the request it belongs to, if any.
        word: `"success"`, `"error"` or `"emitted"`, a part of a derived id.
        outcome: how it ended; None for `emit()`, whose events carry no status and no duration.
    """
    attributes = dict(ending.attributes)
    if outcome is not None:
        attributes["durationus"] = capped(int(outcome.duration * 1_000_000))
        if outcome.status is not None:
            attributes["httpstatus"] = outcome.status
    if ending.request is None or ending.state is None:
        return Envelope(attributes=attributes)
    ordinal = ending.state.ordinal(type)
    return Envelope(
        id=idempotent_id(
            ending.request, pipeline.settings, pipeline.reminders, type=type, ordinal=ordinal, ending=word
        ),
        attributes=attributes,
        trace=trace_of(ending.request) or ending.state.trace,
    )


def _matches(draft: Draft, outcome: Outcome) -> bool:
    on = draft.emission.on
    if callable(on):
        return bool(on(outcome))
    if outcome.method in _PASSIVE:
        return False
    return on == "always" or succeeded(draft, outcome) == (on == "success")


def _is_answer(error: BaseException) -> bool:
    return isinstance(error, HTTPException) and _below_400(error.get_response().status_code)


def _below_400(status: int | None) -> bool:
    return status is None or status < _FIRST_ERROR_STATUS
