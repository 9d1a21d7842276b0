"""An app in front of a broker, as a state machine: whatever may be emitted, whatever may be answered."""

import math
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from confluent_kafka import KafkaError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flask_kafka_events import current_event, emit_event

from .conserved import Trade

TOPICS = st.sampled_from(["shop_events", "one", "two"])
#: Bytes of data: a third of what one topic may hold, with all that is added to it.
LARGEST = 10_550
#: The last but one fits with its data alone, and the last not even so.
SIZES = st.sampled_from([1, 100, 5_000, LARGEST, 10_890, 2 * LARGEST])
FEW = st.integers(1, 4)
#: What a broker says of one message. The first two mean "send it again".
ERRORS = st.sampled_from(
    [
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001 - a public name
        KafkaError._FATAL,  # noqa: SLF001 - a public name
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
    ]
).map(KafkaError)
QUEUE_EVENTS = 12
LIMITS = {
    "QUEUE_EVENTS": QUEUE_EVENTS,
    "QUEUE_BYTES": 65_536,
    "JOURNAL_MAX_BYTES": 65_536,
    "MAX_EVENT_BYTES": 10_900,
    "BLOCK_SECONDS": 0.001,
    "CLOSE_SECONDS": 0.02,
}


class Emitting(RuleBasedStateMachine):
    """One app that emits, before a broker that says anything."""

    journal = False
    trade_of: Callable[..., Trade] = Trade

    def __init__(self) -> None:
        super().__init__()
        self.held = ExitStack()
        folder = Path(self.held.enter_context(tempfile.TemporaryDirectory()))
        self.folder = folder if self.journal else None
        self.is_sound = False

    @initialize(on_full=st.sampled_from(["drop", "block", "raise"]))
    def open(self, on_full: str) -> None:
        """The first app begins."""
        self.trade = self.trade_of(self.folder, ON_FULL=on_full, **LIMITS)

    @rule(count=FEW, size=SIZES, topic=TOPICS, type=st.sampled_from(["sold", "vetoed"]))
    def emit(self, count: int, size: int, topic: str, type: str) -> None:
        """Some events, which wait."""
        for _ in range(count):
            self.trade.act(lambda: self.trade.shop.mine.emit(type, "x" * size, topic=topic))

    @rule(count=FEW, topic=TOPICS)
    def emit_while_the_broker_answers(self, count: int, topic: str) -> None:
        """Some events, each sent while those before it come back."""
        self.trade.broker.answers.extend([None] * 5)
        self.trade.act(lambda: [self.trade.shop.mine.emit("sold", topic=topic) for _ in range(count)])

    @rule(wait=st.sampled_from([0, 0.01, 5]), topic=TOPICS)
    def emit_and_wait(self, wait: float, topic: str) -> None:
        """One whose end is waited for; it comes or it doesn't."""
        if wait == 5:
            self.trade.broker.is_full = False
            self.trade.broker.answers.extend([None] * 200)
        self.trade.act(lambda: self.trade.shop.mine.emit("sold", topic=topic, wait=wait))

    @rule(kind=st.sampled_from(["nan", "key"]), topic=TOPICS)
    def emit_what_is_none(self, kind: str, topic: str) -> None:
        """Data that no event can be made of."""
        data = math.nan if kind == "nan" else {1: 2}
        self.trade.act(lambda: self.trade.shop.mine.emit("sold", data, topic=topic))

    @rule(topic=TOPICS, end=st.sampled_from(["return", "raise", "discard", "mistake"]))
    def call_decorated(self, topic: str, end: str) -> None:
        """A function whose event has its place reserved, and whose call may come to nothing."""

        @emit_event("called", topic=topic)
        def function() -> None:
            current_event["end"] = end
            if end == "raise":
                raise EOFError
            if end == "discard":
                current_event.discard()
            if end == "mistake":
                current_event["end"] = "x" * 2 * LARGEST

        with self.trade.shop.app.app_context():
            try:
                self.trade.act(function)
            except EOFError:
                self.trade.rest()

    @rule(answers=st.lists(st.none() | ERRORS, min_size=1, max_size=8))
    def answer(self, answers: list[KafkaError | None]) -> None:
        """The broker acknowledges or refuses as many of those that wait."""
        self.trade.broker.answers.extend(answers)
        self.trade.rest()

    @rule(error=st.sampled_from([KafkaError._FATAL, KafkaError._PURGE_QUEUE]).map(KafkaError))  # noqa: SLF001
    def break_producer(self, error: KafkaError) -> None:
        """The producer is of no more use, and another sends again what it held."""
        self.answer([error])

    @rule()
    def acknowledge_all(self) -> None:
        """The broker has everything."""
        self.trade.broker.is_full = False
        self.trade.broker.answers.extend([None] * 200)
        self.trade.rest()

    @rule(error=ERRORS)
    def refuse_at_once(self, error: KafkaError) -> None:
        """The next event is refused by the producer itself."""
        self.trade.broker.refuses = error

    @rule()
    def fill_producer(self) -> None:
        """The producer takes nothing until the broker has everything."""
        self.trade.broker.is_full = True
        self.trade.rest()

    @invariant()
    def is_law_kept(self) -> None:
        """Nothing is counted twice and nothing is lost."""
        self.is_sound = False
        self.trade.check()
        self.is_sound = True
