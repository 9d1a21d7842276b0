"""Where a request is decided, once: on Flask's request signals, with teardown for what they miss.

`request_finished` doesn't fire where an exception leaves the app or an `after_request` raises, and fires twice where
another of its receivers raises, which turns a 200 into a 500. So its first firing decides where nobody else listens;
otherwise teardown decides, by the last answer there was.
"""

from collections.abc import Callable
from contextlib import ExitStack
from contextvars import Context, copy_context
from functools import partial, wraps
from typing import Any, Final, cast

import msgspec
from flask import (
    Flask,
    Request,
    Response,
    got_request_exception,
    request_finished,
    request_started,
    request_tearing_down,
)

from flask_kafka_events.apps import pipeline_of, request_of
from flask_kafka_events.bodies import end_of
from flask_kafka_events.capture import capture
from flask_kafka_events.decision import Ending, decide_draft, decide_request
from flask_kafka_events.drafts import Draft
from flask_kafka_events.errors import MisplacedDecorator, class_name, explanation_with_place
from flask_kafka_events.log_line import Line
from flask_kafka_events.placement import misplaced
from flask_kafka_events.request_state import RequestState, known_state, new_state

_UNHANDLED: Final = 500

PASSTHROUGH: Final = (
    "Event %r can't wait for the end of a direct_passthrough response (send_file), which never tells it. "
    'Use at="response".'
)


def connect(app: Flask) -> None:
    """Listen to an app's request signals, with module-level functions: Flask keeps weak references only."""
    request_started.connect(_check_placement, sender=app)
    if pipeline_of(app).settings.requests.enabled:
        request_started.connect(_on_started, sender=app)
    request_finished.connect(_finished, sender=app)
    got_request_exception.connect(_on_exception, sender=app)
    request_tearing_down.connect(_torn_down, sender=app)


def hand_over(draft: Draft, app: Flask) -> None:
    """Give a draft whose function has ended to its request, or decide it at once where there is none."""
    if draft.discarded:
        draft.give_back()
        draft.pipeline.process.ledger.set_apart("discarded")
        return
    request = request_of(app)
    if request is None:
        decide_draft(draft, Ending())
        return
    state = state_in(app, request)
    if draft.emission.at == "close":
        state.awaits_close = True
    state.drafts.append(draft)
    if state.decided:  # in a thread or a body that outlived the decision: it stands for itself
        for late in state.take():
            decide_draft(late, Ending())


def state_in(app: Flask, request: Request) -> RequestState:
    """What is remembered of a request of `app`, from now on."""
    return known_state(request) or new_state(request, partial(_rescue, app))


def _harmless(receiver: Callable[..., None]) -> Callable[..., None]:
    """A receiver that raises turns a 200 into a 500, or escapes to the server: a fault of ours must not."""

    @wraps(receiver)
    def guarded(app: Flask, *what: Any, **signal: Any) -> None:
        try:
            receiver(app, *what, **signal)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no fault of the request's
            text = "flask_kafka_events failed in %s; the request goes on. %s."
            line = Line("hook_failed", about=receiver.__name__, error=class_name(error))
            pipeline_of(app).host.log.error(text, receiver.__name__, explanation_with_place(error), line=line)

    return guarded


def _check_placement(app: Flask, **_: Any) -> None:
    endpoints = misplaced(app)
    text = (
        f"@emit_event stands above @route for {', '.join(map(repr, endpoints))} of app {app.name!r}, so Flask never "
        f"calls it and no event is emitted. Move it below every other decorator, directly above the function."
    )
    if endpoints and pipeline_of(app).is_strict():
        raise MisplacedDecorator(text)
    if endpoints:
        line = Line("misplaced_decorator", count=len(endpoints), about=", ".join(endpoints))
        pipeline_of(app).host.log.error("%s", text, line=line)
    request_started.disconnect(_check_placement, sender=app)


@_harmless
def _on_started(app: Flask, **_: Any) -> None:
    state_in(app, cast("Request", request_of(app)))  # its clock runs from here


def _finished(app: Flask, response: Response, **_: Any) -> None:
    request = request_of(app)
    state = None if request is None else known_state(request)
    if request is not None and state is not None:
        _on_finished(app, request, state, response)


@_harmless
def _on_finished(app: Flask, request: Request, state: RequestState, response: Response) -> None:
    state.response = response
    if state.awaits_close and not response.direct_passthrough:
        state.body_end = end_of(response, method=request.method)
    _ask(app, request, state)
    if _listens_alone(app):
        _decide(app, state)


def _listens_alone(app: Flask) -> bool:
    # Ours is one entry for all apps. Another that was disconnected may be left there, so that it takes a second look.
    return len(request_finished.receivers) == 1 or len(list(request_finished.receivers_for(app))) == 1


@_harmless
def _on_exception(app: Flask, exception: BaseException, **_: Any) -> None:
    request = request_of(app)
    state = None if request is None else known_state(request)
    if request is not None and state is not None:
        state.error = exception
        state.response = None  # whatever was about to be answered, it is no longer
        _ask(app, request, state)


def _torn_down(app: Flask, exc: BaseException | None = None, **_: Any) -> None:
    request = request_of(app)
    state = None if request is None else known_state(request)
    if request is not None and state is not None and not state.decided:
        _on_teardown(app, request, state, exc)


@_harmless
def _on_teardown(app: Flask, request: Request, state: RequestState, exc: BaseException | None) -> None:
    state.error = state.error or exc
    _ask(app, request, state)
    _decide(app, state)


@_harmless
def _rescue(app: Flask, state: RequestState) -> None:
    # In no context: a collection of garbage falls into any other request, whose context would be taken for this one's.
    Context().run(_decide, app, state)


def _ask(app: Flask, request: Request, state: RequestState) -> None:
    if state.facts is None and not state.decided:
        pipeline = pipeline_of(app)
        state.facts = capture(request, pipeline.settings, pipeline.reminders)


def _decide(app: Flask, state: RequestState) -> None:
    if state.decided:
        return
    state.decided = True
    facts = state.facts
    ending = Ending(status=_status(state), error=state.error, facts=facts, state=state)
    try:
        _decide_drafts(state, ending)
    finally:
        if facts is not None:
            decide_request(pipeline_of(app), facts, state, ending)


def _status(state: RequestState) -> int | None:
    if state.response is not None:
        return state.response.status_code
    # An exception that leaves the app is answered 500 by every WSGI server. Without one there was no answer at all: a
    # request context that was pushed by hand.
    return None if state.error is None else _UNHANDLED


def _decide_drafts(state: RequestState, ending: Ending) -> None:
    drafts = list(state.take())
    if len(drafts) == 1 and drafts[0].emission.at == "response":
        decide_draft(drafts[0], ending)
        return
    # Each on its own: what an `on` of the one raises must not cost the others.
    with ExitStack() as all_of_them:  # it calls the last one first
        for draft in reversed(drafts):
            waits = draft.emission.at == "close" and state.response is not None
            if waits and state.body_end is not None:
                # In this context: at the body's end a tracer's span, and Flask's own, aren't the current ones any more.
                decide = partial(_decide_closed, copy_context(), draft, ending)
                all_of_them.callback(state.body_end.then, decide)
                continue
            if waits:
                type_ = draft.emission.type
                draft.pipeline.reminders.warn(
                    "passthrough", PASSTHROUGH, type_, line=Line("passthrough", type=type_)
                )
            all_of_them.callback(decide_draft, draft, ending)


def _decide_closed(context: Context, draft: Draft, ending: Ending, error: BaseException | None) -> None:
    context.run(decide_draft, draft, msgspec.structs.replace(ending, error=ending.error or error))
