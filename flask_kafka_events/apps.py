"""Which app is at hand, which pipeline is its, and which request is at hand that is its."""

from typing import Final, cast

from flask import Flask, Request, current_app, has_request_context
from flask import request as current_request
from werkzeug.local import LocalProxy

from flask_kafka_events.errors import ConfigurationError, NotInitialised
from flask_kafka_events.pipeline import Pipeline

#: Where an app keeps its pipeline: `app.extensions["kafka_events"]`.
EXTENSION: Final = "kafka_events"


_THE_APP: Final = cast("LocalProxy[Flask]", current_app)._get_current_object
_THE_REQUEST: Final = cast("LocalProxy[Request]", current_request)._get_current_object


def app_at_hand(caller: str, *parts: object) -> Flask:
    """The app whose context is pushed.

    Args:
        caller: who asks, for the message; a template where `parts` are given.
        parts: what stands in it.

    Raises:
        NotInitialised: none is.
    """
    try:
        return _THE_APP()
    except RuntimeError:
        raise NotInitialised(
            f"{caller % parts} was called outside an app context, so there is no app whose events are meant. Call it in a view or "
            f"a CLI command, push app.app_context(), or use events.for_app(app)."
        ) from None


def pipeline_of(app: Flask) -> Pipeline:
    """The app's pipeline.

    Raises:
        NotInitialised: it has none.
    """
    try:
        pipeline: Pipeline = app.extensions[EXTENSION]
    except KeyError:
        raise NotInitialised(
            f"App {app.name!r} has no KafkaEvents. Call events.init_app(app) in your app factory."
        ) from None
    return pipeline


def lasting_pipeline_of(app: Flask, caller: str) -> Pipeline:
    """The app's pipeline, to change it for good.

    Args:
        app: the app.
        caller: who asks, for the message.

    Raises:
        NotInitialised: it has none.
        ConfigurationError: another stands in for it.
    """
    pipeline = pipeline_of(app)
    if not pipeline.is_lasting:
        raise ConfigurationError(
            f"{caller} was called for app {app.name!r} while its events are captured, and would end with the capture. Call "
            f"it where the app is made, right after init_app."
        )
    return pipeline


def request_of(app: Flask) -> Request | None:
    """The request at hand if it is one of `app`: None where another app's context was pushed inside it."""
    if not has_request_context():
        return None
    request = _THE_REQUEST()
    # Flask gives every request its app's JSON provider, and nothing else that tells whose it is.
    return request if request.json_module is app.json else None
