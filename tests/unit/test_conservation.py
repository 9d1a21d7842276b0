"""Whatever happens to an app's events, in whatever order: emitted + adopted = delivered + failed + dropped + dead + pending."""

import os
import signal
from typing import Any

import pytest
from confluent_kafka import KafkaError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from flask_kafka_events.delivery import adoption, hot_end
from flask_kafka_events.journal.slots import SLOT

from .emitting import ERRORS, LARGEST, QUEUE_EVENTS, SIZES, Emitting
from .forked import fork


class Events(Emitting):
    """One app of this process after another, in memory mode, with forks and their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: list[int] = []

    @precondition(lambda self: not self.trade.is_troubled)
    @rule(
        count=st.integers(0, 3),
        size=SIZES,
        acknowledged=st.integers(0, 2),
        slots=st.booleans(),
        end=st.sampled_from(["exit", "close", "kill"]),
    )
    def fork(self, count: int, size: int, acknowledged: int, slots: bool, end: str) -> None:
        """A child emits, perhaps, and dies one way or another."""

        def work() -> None:
            if count:
                self.trade.shop.mine.start()
            for _ in range(count):
                if slots:
                    self.trade.have_slots()
                self.trade.broker.answers.extend([None] * acknowledged)
                self.trade.act(lambda: self.trade.shop.mine.emit("childs", "x" * size))
            if end == "close":
                self.trade.close()

        self.trade.fork(work, leave=kill_oneself if end == "kill" else lambda: None)

    @precondition(lambda self: len(self.idle) < 2)
    @rule()
    def fork_and_linger(self) -> None:
        """A child does nothing, for long, with all that it inherited."""
        child = fork()
        if child == 0:
            signal.alarm(120)
            while True:
                signal.pause()
        self.idle.append(child)

    @precondition(lambda self: not self.trade.is_troubled)
    @rule(late=st.integers(0, 2), forks=st.booleans(), error=st.none() | ERRORS)
    def begin_anew(self, late: int, forks: bool, error: KafkaError | None) -> None:
        """The app ends, what is emitted later is dropped, and the next app adopts what is left, unless a child did."""
        self.trade.close()
        for _ in range(late):
            self.trade.act(lambda: self.trade.shop.mine.emit("late"))
        if forks:
            self.fork(count=1, size=1, acknowledged=2, slots=False, end="kill")
        self.trade.check()
        self.trade.end()
        self.trade.open(refuses=error)

    def teardown(self) -> None:
        """In the end all that was accepted is delivered or told as lost."""
        with self.held:
            for child in self.idle:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if self.is_sound:
                self.finish()
            elif hasattr(self, "trade"):
                self.trade.end()

    def finish(self) -> None:
        """Let everything come to its end, in this app and in one more, and look at what is left."""
        try:
            self.come_to_rest()
            self.all_places_are_free()
            self.begin_anew(late=0, forks=False, error=None)
            self.come_to_rest()
            assert not self.trade.alive()
            self.trade.check_disk()
        finally:
            self.trade.end()

    def come_to_rest(self) -> None:
        """Let everything be sent that can be."""
        self.trade.make_room()
        self.trade.broker.is_full, self.trade.broker.refuses = False, None
        self.trade.adopt()
        rounds = 0
        while self.trade.stats.pending:
            rounds += 1
            assert rounds < 50
            self.acknowledge_all()
        self.trade.check()

    def all_places_are_free(self) -> None:
        """The topics have the room that they had at first: half of the bytes, and in memory half of the events."""
        mine = self.trade.shop.mine
        for _ in range(3):  # what is left of a topic's half is less than the smallest event takes
            self.trade.act(lambda: mine.emit("large", "x" * LARGEST, topic="one"))
            self.trade.act(lambda: mine.emit("large", "x" * LARGEST, topic="two"))
        assert self.trade.stats.pending == 6
        self.acknowledge_all()
        self.trade.fill_disk()
        for _ in range(QUEUE_EVENTS):  # each is too large for a slot, which needs no more of the disk
            self.trade.act(lambda: mine.emit("sold", "x" * SLOT))
        assert self.trade.stats.pending == QUEUE_EVENTS // 2
        self.trade.make_room()
        self.acknowledge_all()


def kill_oneself() -> None:
    """End as at the hands of the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)


class JournaledEvents(Events):
    """The same with a journal, a disk that has its troubles, and files that are adopted."""

    journal = True

    @rule(error=st.none() | ERRORS)
    def adopt(self, error: KafkaError | None) -> None:
        """What dead processes left is taken over; the producer may refuse the first record."""
        self.trade.broker.refuses = error
        self.trade.adopt()

    @precondition(lambda self: not self.trade.is_troubled)
    @rule()
    def look_at_the_disk(self) -> None:
        """The files hold what is pending and what is dead, and nothing else."""
        self.trade.check_disk()

    @precondition(lambda self: not self.trade.is_troubled)
    @rule()
    def tidy_up(self) -> None:
        """Somebody deletes a file under its owner, who writes it anew."""
        self.trade.adopt()
        self.trade.delete_files()

    @rule()
    def have_slots(self) -> None:
        """What is emitted from now on and small enough costs no system call, be the disk full."""
        self.trade.have_slots()

    @precondition(lambda self: not self.trade.is_troubled)
    @rule()
    def delete_slots(self) -> None:
        """Somebody deletes the slots, and their owner writes what was there into its file."""
        self.trade.delete_slots()

    @precondition(lambda self: not self.trade.is_troubled)
    @rule()
    def fill_disk(self) -> None:
        """Nothing can be written for a while."""
        self.trade.fill_disk()

    @precondition(lambda self: self.trade.is_troubled)
    @rule()
    def end_trouble(self) -> None:
        """The disk has room again."""
        self.trade.make_room()


@pytest.mark.parametrize("machine", [Events, JournaledEvents])
def test_conservation(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emits, answers, forks, closes, crashes and a full disk in any order: every event is accounted, none disappears."""
    # Its broker may answer nobody while more processes die than files are adopted at a time.
    monkeypatch.setattr(adoption, "FILES", 10_000)
    # The disk may have been full a moment ago.
    monkeypatch.setattr(hot_end, "PAUSE", 0.0)
    examples = min(30, settings().max_examples)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=30, print_blob=False)
    )
