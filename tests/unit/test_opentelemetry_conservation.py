"""Whatever happens to an app's events, each has one span, which ends as the event does."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from flask_kafka_events.contrib.opentelemetry import trace_events
from flask_kafka_events.contrib.opentelemetry.spans import OUTCOME
from tests.tracing import Spans, attributes, traced

from .conserved import Trade
from .emitting import Emitting
from .test_opentelemetry import SilentProducer, start


class TracedTrade(Trade):
    """A trade whose events are traced."""

    def prepare(self) -> None:
        """Trace them."""
        self.spans = Spans()
        trace_events(self.shop.app, tracer_provider=self.spans.provider)

    def check(self) -> None:
        """Of each outcome there are as many ended spans as the ledger counts, and as many open ones as are pending."""
        super().check()
        stats, spans = self.stats, self.spans.events()
        outcomes = Counter(attributes(span).get(OUTCOME, "delivered") for span in spans)
        never_made = sum(loss.id is None for loss in self.losses)
        left = stats.pending if self.is_closed else 0
        assert outcomes == +Counter(
            delivered=stats.delivered,
            failed=stats.failed - never_made,
            dropped=stats.dropped,
            dead=stats.dead,
            pending=left,
        )
        assert len(spans) == len(self.events) - stats.pending + left
        ids = [attributes(span)["messaging.message.id"] for span in spans]
        assert len(ids) == len(set(ids))


class Traced(Emitting):
    """In memory mode."""

    trade_of = TracedTrade
    trade: TracedTrade

    def teardown(self) -> None:
        """At the close every span ends."""
        with self.held:
            if not hasattr(self, "trade"):
                return
            try:
                if self.is_sound:
                    self.trade.close()
                    assert len(self.trade.spans.events()) == len(self.trade.events)
            finally:
                self.trade.end()


class JournaledAndTraced(Traced):
    """With a journal, which keeps what wasn't sent for another process."""

    journal = True


@pytest.mark.parametrize("machine", [Traced, JournaledAndTraced])
def test_each_event_has_one_span_that_ends_as_it_does(machine: Any) -> None:
    """Emits, answers, full queues, refusals, broken producers and the close, in any order."""
    examples = min(20, settings().max_examples)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=25, print_blob=False)
    )


def test_what_waited_on_disk_alone_ends_with_its_span(tmp_path: Path) -> None:
    """Of a backlog that is larger than the window each span hears of its event's offset."""
    spans, events = Spans(), 2_100
    with traced(spans, make=SilentProducer, JOURNAL=str(tmp_path)) as held:
        producer = start(held)
        for number in range(events):
            held.mine.emit("tick", number)
        assert spans.all() == []
        producer.answers = True
        assert held.mine.flush(30)
    offsets = {attributes(span)["messaging.kafka.offset"] for span in spans.events()}
    assert offsets == set(range(events))
