"""One worker of the game: it plays its part of the story over the game's own routes, and prints its ledger."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
from flask import Flask

from examples.game_api import create_app
from examples.game_api.app import events
from flask_kafka_events import Event, event_created
from tests.examples.same_totals.story import ROUTES, Step, Story

FLUSH_SECONDS = 120


class Teller:
    """Gives each event the id and the time that the story has for it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()
        self.step: Step | None = None
        event_created.connect(self.retell, sender=app)

    def retell(self, _app: Flask, event: Event) -> Event:
        """The event as the story has it."""
        assert self.step is not None
        return msgspec.structs.replace(event, id=self.step.id, time=self.step.time)

    def play(self, step: Step) -> None:
        """One request."""
        self.step = step
        query = {} if step.player is None else {"player": step.player}
        answer = self.client.get(ROUTES[step.type], query_string=query)
        assert answer.status_code == 200


def main(part: dict[str, Any]) -> None:
    """Play, wait for the broker, and tell what became of it all."""
    app = create_app()
    teller, mine = Teller(app), events.for_app(app)
    for step in Story(**part).steps():
        teller.play(step)
    assert mine.flush(FLUSH_SECONDS)
    stats = mine.stats()
    mine.close()
    ledger = {"emitted": stats.emitted, "delivered": stats.delivered, "pending": stats.pending}
    sys.stdout.write(json.dumps(ledger) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
