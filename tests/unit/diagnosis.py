"""What the tests of `flask kafka-events doctor` share: a good app, and what the command says of any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo

from flask_kafka_events import KafkaEvents, emit_event
from flask_kafka_events.cli import kafka_events

if TYPE_CHECKING:
    from collections.abc import Callable


def good_app(**settings: Any) -> Flask:
    """An app with nothing wrong but for what these settings bring; each is `KAFKA_EVENTS_` and its name."""
    app = Flask("shop")
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="kafka:9092", KAFKA_EVENTS_TOPIC="shop_events")
    app.config.update({f"KAFKA_EVENTS_{name}": value for name, value in settings.items()})
    KafkaEvents(app)

    @app.post("/buy")
    @emit_event("bought", key="player")
    def buy() -> str:
        return "bought"

    return app


def said(make: Callable[[], Flask], *words: str, status: int = 0) -> str:
    """What the command prints of the app that `make` makes."""
    result = CliRunner().invoke(kafka_events, ["doctor", *words], obj=ScriptInfo(create_app=make))
    assert result.exit_code == status, result.output
    return result.stdout


def diagnosed(make: Callable[[], Flask], *words: str) -> dict[str, Any]:
    """The same as the object that `--json` prints; the status must be that of its errors."""
    result = CliRunner().invoke(kafka_events, ["doctor", "--json", *words], obj=ScriptInfo(create_app=make))
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if report["errors"] else 0), result.output
    return report


def found(make: Callable[[], Flask], *words: str) -> list[tuple[str, str]]:
    """The names of the checks that found something, with the severity."""
    return [(each["check"], each["severity"]) for each in diagnosed(make, *words)["findings"]]
