"""`AppEvents`: one app's events, where no context is pushed."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from flask import Flask

from flask_kafka_events import hooks
from flask_kafka_events.apps import pipeline_of, request_of
from flask_kafka_events.capture import capture
from flask_kafka_events.decision import Ending, envelope
from flask_kafka_events.errors import EventError
from flask_kafka_events.health import Health, health_of
from flask_kafka_events.ledger import Stats
from flask_kafka_events.outcomes import Delivery
from flask_kafka_events.pipeline import Pipeline, Waiter


class AppEvents:
    """One app's events, usable where no context is pushed: in a thread, in a job.

    Made by `KafkaEvents.for_app`.

    .. versionadded:: 0.1
    """

    def __init__(self, app: Flask) -> None:
        self._app = app

    @property
    def _pipeline(self) -> Pipeline:
        # Asked each time: a test may capture events of which this was made long before.
        return pipeline_of(self._app)

    def emit(
        self,
        type: str,
        data: Any = None,
        *,
        key: Any = None,
        topic: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        id: str | None = None,
        attributes: Mapping[str, str | int] | None = None,
        wait: float | None = None,
    ) -> Delivery | None:
        """Send an event now, whatever becomes of the request it is emitted in.

        Args:
            type: what happened: `"season_started"`.
            data: a mapping, or any other value that JSON can carry; None for none.
            key: a str, int, UUID or bytes of UTF-8; None for none.
            topic: where it goes; None for `KAFKA_EVENTS_TOPIC`.
            headers: further Kafka headers.
            id: for an event that may be emitted again, by a job that is retried for example: the same id tells consumers
                that it is the same event. None for a new one.
            attributes: extension attributes: lower-case names; str, or int of 32 bits.
            wait: seconds to wait for the broker's acknowledgement; None doesn't wait.

        Returns:
            The delivery, where `wait` is given and the event wasn't vetoed, sampled out or switched off; else None.

        Raises:
            EventError: `wait` is no number of seconds; in strict mode: it can't be made of this.
            ConfigurationError: in strict mode: the app names no broker.
            QueueFull: the queue is full and `KAFKA_EVENTS_ON_FULL` is `"raise"`.
            DeliveryTimeout: no acknowledgement within `wait` seconds; the event is still pending, not lost.
            DeliveryFailed: with `wait`: it was dropped or refused, or outside strict mode can't be made of this.
        """
        pipeline = self._pipeline
        _check_wait(type, wait)
        waiter: Waiter | None = None if wait is None else Future()
        place = pipeline.reserve(type, topic)
        content = None
        try:
            content = pipeline.content(
                type,
                lambda: data,
                key=None if key is None else lambda _: key,
                topic=topic,
                headers=headers,
                id=id,
                attributes=attributes,
                waiter=waiter,
            )
        finally:
            if content is None and place is not None:
                place.give_back()
        sent = content is not None and pipeline.send(
            content,
            envelope(pipeline, type, self._ending(pipeline), word="emitted").of(content),
            place=place,
            waiter=waiter,
        )
        if wait is None or waiter is None or not (sent or waiter.done()):
            return None
        return pipeline.wait(waiter, type, wait)

    def start(self) -> None:
        """Build this process's producer now, not at the first emit; returns before it stands.

        Call it in the process that emits, never before a fork: a server's post-fork hook, a job's start.
        """
        self._pipeline.process.start()

    def flush(self, timeout: float = 5.0) -> bool:
        """Send everything that waits, now, and wait at most `timeout` seconds for the acknowledgements.

        Not for a signal handler, which may have interrupted an emit that holds what the sending needs: call it in a
        thread of its own there.

        Returns:
            False if something is still pending.
        """
        return self._pipeline.process.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Flush, then end this process's producer; what is emitted later is dropped with the reason `"closed"`.

        The end of the process does this by itself. Like `flush`, it is not for a signal handler.

        Args:
            timeout: seconds; None for `KAFKA_EVENTS_CLOSE_SECONDS`.

        Returns:
            False if something had to be dropped, or a receiver of our signals is still at work on it.
        """
        pipeline = self._pipeline
        return pipeline.process.close(pipeline.settings.close_seconds if timeout is None else timeout)

    def stats(self) -> Stats:
        """What became of this process's events, up to this moment."""
        return self._pipeline.process.ledger.read()

    def health(self) -> Health:
        """Whether this process's events are well: a status, and the reasons for it. Cheap enough for every probe."""
        return health_of(self._pipeline)

    def _ending(self, pipeline: Pipeline) -> Ending:
        request = request_of(self._app)
        if request is None:
            return Ending()
        facts = capture(request, pipeline.settings, pipeline.reminders)
        return Ending(facts=facts, state=hooks.state_in(self._app, request))


def _check_wait(type: str, wait: object) -> None:
    if wait is not None and (isinstance(wait, bool) or not isinstance(wait, int | float) or not wait >= 0):
        raise EventError(
            f"emit({type!r}, wait={wait!r}): wait must be a number of seconds, 0 or more, or None. Nothing was emitted."
        )
