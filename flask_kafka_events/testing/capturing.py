"""`capture_events`: an app's events in a test, on the real way from the view to Kafka's door."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from confluent_kafka import Producer
from flask import Flask

from flask_kafka_events.apps import EXTENSION, pipeline_of
from flask_kafka_events.delivery.connection import Connection
from flask_kafka_events.delivery.process import ProcessDelivery
from flask_kafka_events.event import Record
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.outcomes import Delivery, Loss
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.testing.captured import CapturedEvent, CapturedEvents
from flask_kafka_events.testing.circumstances import Circumstances
from flask_kafka_events.testing.failures import mistakes, not_lost
from flask_kafka_events.testing.tape import Tape, TapedDelivery


class Capture(CapturedEvents):
    """What apps have emitted since `capture_events` began, or since `clear`; it grows while that lasts.

    .. versionadded:: 0.1
    """

    def __init__(self) -> None:
        super().__init__()
        self._losses: list[Loss] = []
        self._mistakes: list[Loss] = []
        self._circumstances: list[Circumstances] = []

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The events that came to nothing, in order, with the reason: can't be made, or the queue was full."""
        return tuple(self._losses)

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
        lost = tuple(each for each in self._losses if each.type == type and reason in (None, each.reason))
        if not lost:
            raise AssertionError(not_lost(type, reason, self._values(), self._notes()))
        self._mistakes = [each for each in self._mistakes if each not in lost]
        return lost

    def clear(self) -> None:
        """Forget what was emitted and lost so far; places in the queue stay taken."""
        self._events.clear()
        self._losses.clear()
        self._mistakes.clear()
        for each in self._circumstances:
            each.forget()

    def heard(self, event: CapturedEvent) -> None:
        """Take an event that was emitted; for the tape."""
        self._events.append(event)

    def lost(self, loss: Loss) -> None:
        """Take the loss of an event; for the tape."""
        self._losses.append(loss)
        if not loss.dropped:
            self._mistakes.append(loss)

    def watch(self, circumstances: Circumstances) -> None:
        """Let a failure tell these too; for `capture_events`."""
        self._circumstances.append(circumstances)

    def check(self) -> None:
        """Make sure that every event could be made, but for those that `assert_lost` was told of.

        Raises:
            AssertionError: one couldn't. It shows why.
        """
        __tracebackhide__ = True
        if self._mistakes:
            raise AssertionError(mistakes(self._mistakes))

    def _notes(self) -> list[str]:
        losses = [f"Lost: {each.type!r} ({each.reason}). {each.explanation}" for each in self._losses]
        return [*losses, *(note for each in self._circumstances for note in each.notes())]


@contextmanager
def capture_events(*apps: Flask) -> Iterator[Capture]:
    """Capture what these apps emit: no broker, no thread and no socket, and everything else as in production.

    Each event goes through the real checks, encoding, format and size limit, and is acknowledged at once, as the next
    one of its topic's only partition: `emit(wait=)` returns its delivery, `event_delivered` is sent and `stats()` counts
    it. No `KAFKA_EVENTS_BOOTSTRAP_SERVERS` is needed, a journal isn't used. `KAFKA_EVENTS_QUEUE_EVENTS`, `QUEUE_BYTES`
    and `ON_FULL` hold: a captured event keeps its place until the capture ends.

    An event that can't be made raises in strict mode, which is that of debug and testing, at the user's line. Where
    nothing is raised the end of the block is an `AssertionError` that says why, unless `Capture.assert_lost` was called
    for it or the block raised itself.

    Captures may be nested, each has what is emitted while it is open. What began in one and ends after it (a response
    that is closed late) goes nowhere. A forked child captures into its own copy.

    Args:
        apps: each with its `KafkaEvents`.

    Raises:
        NotInitialised: one has none.
        AssertionError: at the end, as said.

    .. versionadded:: 0.1
    """
    __tracebackhide__ = True
    capture = Capture()
    with ExitStack() as captured:
        for app in apps:
            captured.enter_context(_captured(app, capture))
        yield capture
    capture.check()


@contextmanager
def _captured(app: Flask, capture: Capture) -> Iterator[None]:
    pipeline = pipeline_of(app)
    if not isinstance(pipeline, _TapedPipeline):
        pipeline = app.extensions[EXTENSION] = _TapedPipeline(pipeline)
    capture.watch(Circumstances(app, pipeline))
    pipeline.tape.add(capture)
    try:
        yield
    finally:
        if pipeline.tape.remove(capture):
            app.extensions[EXTENSION] = pipeline.original


class _TapedPipeline(Pipeline):
    """Stands in for an app's pipeline while anybody captures its events."""

    def __init__(self, original: Pipeline) -> None:
        super().__init__(host=original.host, settings=original.settings, factory=Producer)
        self.original = original
        self.tape = Tape()

    def check_configured(self) -> None:
        """There is no broker that the app would have to name."""

    def _make_process(self) -> ProcessDelivery:
        log = self.host.log
        return TapedDelivery(
            tape=self.tape,
            app_name=self.host.name,
            settings=self.settings,
            connection=Connection(
                settings=self.settings, factory=Producer, log=log, directory=self.host.instance
            ),
            log=log,
            announce=self._tell,
        )

    def _tell(
        self,
        ledger: Ledger,
        end: Delivery | Loss,
        *,
        emitted_in: frozenset[str] = frozenset(),
        record: Record | None = None,
    ) -> None:
        if isinstance(end, Loss):
            self.tape.lose(end)
        self._announce(ledger, end, emitted_in=emitted_in, record=record)
