"""Whether a draft becomes an event, and what the event tells of how its request ended."""

from typing import Final, cast

import msgspec
from werkzeug.exceptions import HTTPException

from flask_kafka_events.attributes import capped
from flask_kafka_events.capture import RequestFacts
from flask_kafka_events.content import Envelope
from flask_kafka_events.drafts import Draft, Outcome
from flask_kafka_events.event import derived_id
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.request_state import RequestState
from flask_kafka_events.sampling import kept

#: The type of the event that `KAFKA_EVENTS_REQUESTS` emits for each request.
REQUEST_TYPE: Final = "http.request"
#: Methods that ask about a resource and do nothing: they emit only where a callable `on=` says so.
_PASSIVE: Final = frozenset({"HEAD", "OPTIONS"})
FIRST_ERROR_STATUS: Final = 400


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended, or a function outside one.

    Attributes:
        status: what the client got; None outside a request.
        error: what the request failed with, if anything.
        facts: what the request gives to its events; None outside one.
        state: what is remembered of the request; None outside one.
    """

    status: int | None = None
    error: BaseException | None = None
    facts: RequestFacts | None = None
    state: RequestState | None = None


def decide_draft(draft: Draft, ending: Ending) -> None:
    """Send a draft if the outcome is the one it waits for; count it apart otherwise."""
    try:
        if draft.content is not None or draft.mistake is not None:
            _decide(draft, ending)
    finally:
        draft.give_back()


def _decide(draft: Draft, ending: Ending) -> None:
    pipeline, type_ = draft.pipeline, draft.emission.type
    duration = draft.seconds()
    try:
        is_success = succeeded(draft, ending)
        matching = _matches(draft, ending, duration, is_success=is_success)
    except BaseException as error:
        # A callable `on` is the app's and may raise anything: gevent's Timeout is no Exception, and is the app's to see.
        pipeline.lose_content(type_, error)
        if isinstance(error, Exception):
            return
        raise
    if not matching:
        pipeline.process.ledger.set_apart("not_matching")
        return
    if draft.content is None:
        pipeline.lose_content(type_, cast("BaseException", draft.mistake))
        return
    word = "success" if is_success else "error"
    sent_as = envelope(pipeline, type_, ending, word=word, duration=duration)
    pipeline.send(draft.content, sent_as, place=draft.place)


def decide_request(pipeline: Pipeline, facts: RequestFacts, state: RequestState, ending: Ending) -> None:
    """Emit `http.request` where `KAFKA_EVENTS_REQUESTS` wants it for this request."""
    rules = pipeline.settings.requests
    if facts.method in _PASSIVE or not rules.matches(facts.endpoint):
        return
    if not kept(rules.sample, facts.trace or state.trace):
        pipeline.process.ledger.set_apart("sampled_out")
        return
    content = pipeline.content(REQUEST_TYPE, lambda: None, strict=False)
    if content is not None:
        word = "success" if _below_400(ending.status) else "error"
        pipeline.send(content, envelope(pipeline, REQUEST_TYPE, ending, word=word, duration=state.seconds()))


def succeeded(draft: Draft, ending: Ending) -> bool:
    """Whether the function did what it is for: it wasn't left by an error, and the client got no error either.

    What it raised counts, whatever an error handler or a caller made of it: a payment that raised `CardDeclined`
    under a page with status 200 is no purchase. An exception that is itself an answer below 400 (a redirect) is none.
    """
    if draft.error is not None:
        return is_answer(draft.error) and _below_400(ending.status)
    return ending.error is None and _below_400(ending.status)


def envelope(
    pipeline: Pipeline, type: str, ending: Ending, *, word: str, duration: float | None = None
) -> Envelope:
    """What is known of an event beside its content.

    Args:
        pipeline: the app's.
        type: the event's type.
        ending: the request it belongs to, if any.
        word: `"success"`, `"error"` or `"emitted"`, a part of a derived id.
        duration: seconds until it ended; None for `emit()`, whose events carry none, and no status either.
    """
    facts, state = ending.facts, ending.state
    attributes = {} if facts is None else dict(facts.attributes)
    if duration is not None:
        attributes["durationus"] = capped(int(duration * 1_000_000))
    if ending.status is not None:
        attributes["httpstatus"] = ending.status
    if facts is None or state is None:
        return Envelope(attributes=attributes)
    id_ = None
    if facts.idempotency is not None:
        # With the caller's scope, so that nobody can suppress another's event, and with the ending: a failed attempt and
        # the retry that succeeds are two events.
        source, ordinal = pipeline.settings.source, str(state.ordinal(type))
        id_ = derived_id(source, type, *facts.idempotency, ordinal, word)
    return Envelope(id=id_, attributes=attributes, trace=lambda: facts.trace or state.trace)


def _matches(draft: Draft, ending: Ending, duration: float, *, is_success: bool) -> bool:
    on, method = draft.emission.on, None if ending.facts is None else ending.facts.method
    if callable(on):
        error = draft.error or ending.error
        return bool(on(Outcome(status=ending.status, error=error, duration=duration, method=method)))
    if method in _PASSIVE:
        return False
    return on == "always" or is_success == (on == "success")


def is_answer(error: BaseException) -> bool:
    """Whether an exception is itself an answer below 400: a redirect."""
    if not isinstance(error, HTTPException):
        return False
    return _below_400(error.code if error.response is None else error.response.status_code)


def _below_400(status: int | None) -> bool:
    return status is None or status < FIRST_ERROR_STATUS
