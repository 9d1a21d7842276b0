"""A page for probes: `health_blueprint`."""

import json

from flask import Blueprint, Response, current_app

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.health import health_of


def health_blueprint(*, rule: str = "/health/kafka-events", failing_status: int = 200) -> Blueprint:
    """A blueprint with one page that answers the process's health as JSON: `app.register_blueprint(health_blueprint())`.

    What is wrong with the events is no reason to take the app away from its users, so it always answers 200, unless you
    ask for another status where it is failing. Where the broker is away the health is degraded alone.

    Args:
        rule: where the page is.
        failing_status: the HTTP status where the health is `"failing"`: 503 makes a readiness probe fail.

    .. versionadded:: 0.1
    """
    blueprint = Blueprint("kafka_events_health", __name__)

    @blueprint.get(rule)
    def health() -> Response:
        found = health_of(pipeline_of(current_app))
        status = failing_status if found.status == "failing" else 200
        answer = Response(json.dumps(found.as_dict()), status=status, mimetype="application/json")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return blueprint
