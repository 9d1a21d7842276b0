"""`capture_events`: an app's events in a test, on the real way from the view to Kafka's door."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Final

from flask import Flask

from flask_kafka_events.apps import EXTENSION, pipeline_of
from flask_kafka_events.errors import NotInitialised
from flask_kafka_events.event import Record
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.testing.captured import CapturedEvents
from flask_kafka_events.testing.circumstances import Circumstances
from flask_kafka_events.testing.failures import lost, mistakes, not_lost
from flask_kafka_events.testing.tape import Heard, Tape, TapedDelivery

# While an app's pipeline is changed for another, by whichever thread's capture is the first or the last one.
_CHANGING: Final = threading.Lock()


class Capture(CapturedEvents):
    """What apps have emitted since `capture_events` began, or since `clear`; it grows while that lasts.

    .. versionadded:: 0.1
    """

    def __init__(self, heard: Heard, tapes: Sequence[Tape], circumstances: Sequence[Circumstances]) -> None:
        super().__init__(heard.events)
        self._heard = heard
        self._tapes = tapes
        self._circumstances = circumstances

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The events that came to nothing, in order, with the reason why."""
        return tuple(self._heard.losses)

    def assert_lost(self, type: str, *, reason: str | None = None) -> tuple[Loss, ...]:
        """Make sure that an event of this type came to nothing, and let it be no failure of the test.

        Args:
            type: the event's type.
            reason: the ledger's word: `"encoding"`, `"key"`, `"too_large"`, `"queue_full"`, ...; None for any.

        Returns:
            Those that were lost so, in order.

        Raises:
            AssertionError: none was. It shows those that were, and what was emitted.
        """
        __tracebackhide__ = True
        losses = tuple(each for each in self.losses if each.type == type and reason in (None, each.reason))
        if not losses:
            raise AssertionError(not_lost(type, reason, self._values(), self._notes()))
        self._heard.pardon(losses)
        for tape in self._tapes:  # a capture around this one has heard of them, too
            tape.pardon(losses)
        return losses

    def clear(self) -> None:
        """Forget what was emitted and lost so far; places in the queue stay taken."""
        self._heard.forget()
        for each in self._circumstances:
            each.forget()

    def _notes(self) -> list[str]:
        return [*lost(self.losses), *(note for each in self._circumstances for note in each.notes())]


@contextmanager
def capture_events(*apps: Flask) -> Iterator[Capture]:
    """Capture what these apps emit: no broker, no thread and no socket, and everything else as in production.

    Each event goes through the real checks, encoding, format and size limit, and is acknowledged at once, as the next
    one of its topic's only partition: `emit(wait=)` returns its delivery, `event_delivered` is sent and `stats()` counts
    it. No `KAFKA_EVENTS_BOOTSTRAP_SERVERS` is needed, a journal isn't used. `KAFKA_EVENTS_QUEUE_EVENTS`, `QUEUE_BYTES`
    and `ON_FULL` hold: a captured event keeps its place until the capture ends. Where the app's events are traced or counted
    by an extra, those that are captured are too.

    An event that can't be made raises in strict mode, which is that of debug and testing, at the user's line. Where
    nothing is raised the end of the block is an `AssertionError` that says why, unless `Capture.assert_lost` was called
    for it or the block raised itself.

    Captures may be nested, each has what is emitted while it is open. What began in one and ends after it (a response
    that is closed late) goes nowhere. A forked child captures into its own copy.

    Args:
        apps: each with its `KafkaEvents`.

    Raises:
        NotInitialised: one has none, or is no app; or none is given.
        AssertionError: at the end, as said.

    .. versionadded:: 0.1
    """
    __tracebackhide__ = True
    _check_are_apps(apps)
    heard = Heard()
    with ExitStack() as stack:
        taped = [stack.enter_context(_captured(app, heard)) for app in dict.fromkeys(apps)]
        circumstances = [
            Circumstances(app, each) for app, each in zip(dict.fromkeys(apps), taped, strict=True)
        ]
        yield Capture(heard, [each.tape for each in taped], circumstances)
    if heard.mistakes:
        raise AssertionError(mistakes(heard.mistakes))


def _check_are_apps(apps: Sequence[object]) -> None:
    if not apps:
        raise NotInitialised(
            "capture_events() without an app captures nothing. Give it yours: capture_events(app)."
        )
    for each in apps:
        if not isinstance(each, Flask):
            raise NotInitialised(
                f"capture_events() was given a {type(each).__name__} in the place of an app. Give it the Flask app: capture_events(app)."
            )


@contextmanager
def _captured(app: Flask, heard: Heard) -> "Iterator[TapedPipeline]":
    with _CHANGING:
        pipeline = pipeline_of(app)
        is_first = not isinstance(pipeline, TapedPipeline)
        taped = pipeline if isinstance(pipeline, TapedPipeline) else TapedPipeline(pipeline)
        taped.tape.add(heard)
        app.extensions[EXTENSION] = taped
    try:
        with taped.as_full_as_original() if is_first else nullcontext():
            yield taped
    finally:
        with _CHANGING:
            is_last = taped.tape.remove(heard)
            if is_last:
                app.extensions[EXTENSION] = taped.original
        if is_last:
            taped.finish()


class TapedPipeline(Pipeline):
    """Stands in for an app's pipeline while anybody captures its events; who watches that one watches this one too."""

    is_lasting = False

    def __init__(self, original: Pipeline) -> None:
        super().__init__(host=original.host, settings=original.settings, factory=original.factory)
        self.contents = original.contents
        self.processes = original.processes.like(self._make_process)
        self.original = original
        self.tape = Tape()
        self._make_delivery = partial(TapedDelivery, tape=self.tape)

    def as_full_as_original(self) -> AbstractContextManager[None]:
        """Where the fault `queue_full` lasts on the original, have it last here."""
        around = self.original.processes.made()
        is_filled = around is not None and around.poller.keeping.is_filled()
        return self.process.poller.keeping.filled() if is_filled else nullcontext()

    def finish(self) -> None:
        """Let who watches take note of the last events."""
        # Not `closed`, which ends for them all that goes on in this process: the original goes on.
        for watcher in self.process.watchers:
            watcher.tick()

    def check_configured(self) -> None:
        """There is no broker that the app would have to name."""

    def _announce(
        self,
        ledger: Ledger,
        end: Delivery | Loss,
        *,
        emitted_in: frozenset[str] = frozenset(),
        record: Record | None = None,
    ) -> None:
        if isinstance(end, Loss):
            self.tape.lose(end)
        super()._announce(ledger, end, emitted_in=emitted_in, record=record)
