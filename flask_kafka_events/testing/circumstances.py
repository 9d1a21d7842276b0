"""Why an app's events may not have been emitted: what a failed assertion tells beside the events."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Flask

from flask_kafka_events.apps import request_of
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.request_state import known_state

#: What `Stats` counts apart, in words.
_APART: Final[Mapping[str, str]] = MappingProxyType(
    {
        "discarded": "taken back by current_event.discard()",
        "vetoed": "vetoed by a receiver of event_created",
        "sampled_out": "left out by a sample rate",
        "not_matching": "without the outcome that on= asks for",
        "disabled": "switched off by KAFKA_EVENTS_ENABLED or KAFKA_EVENTS_TYPES",
    }
)


class Circumstances:
    """What became of an app's other events, since it was made or `forget` was called.

    Args:
        app: the app.
        pipeline: the one that its events go through.
    """

    def __init__(self, app: Flask, pipeline: Pipeline) -> None:
        self._app = app
        self._pipeline = pipeline
        self._before = self._apart()

    def forget(self) -> None:
        """Begin anew."""
        self._before = self._apart()

    def notes(self) -> list[str]:
        """What there is to say, a line each."""
        now = self._apart()
        counts = {why: now[why] - self._before[why] for why in _APART}
        notes = [f"Not emitted: {counts[why]} {words}." for why, words in _APART.items() if counts[why]]
        waiting = self._waiting()
        if waiting:
            notes.append(
                f"Waiting for the end of the request at hand: {', '.join(map(repr, waiting))}. Its context was pushed by "
                f"the test; use the test client, or look once the context is popped."
            )
        return notes

    def _apart(self) -> dict[str, int]:
        stats = self._pipeline.process.ledger.read()
        return {why: getattr(stats, why) for why in _APART}

    def _waiting(self) -> list[str]:
        request = request_of(self._app)
        state = None if request is None else known_state(request)
        return [] if state is None else [draft.emission.type for draft in tuple(state.drafts)]
