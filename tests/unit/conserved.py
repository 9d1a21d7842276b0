"""A shop whose every event is known from outside: by its signals, its broker, and what SQLite finds on the disk."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError
from flask import Flask

from flask_kafka_events import (
    DeliveryError,
    Event,
    EventError,
    Loss,
    QueueFull,
    Stats,
    event_created,
    event_dropped,
    event_failed,
)
from flask_kafka_events.journal.slots import slots_of
from tests.journals import Table
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import Shop, shop

from .disk import ids_on_disk
from .forked import forked
from .obedient_broker import Broker, ObedientProducer

#: What an emit may raise: its event is then counted, or was never made.
REFUSALS = (QueueFull, DeliveryError, EventError)


class Trade:
    """One app after another in this process, and what is known of their events.

    Attributes:
        folder: the journal's; None in memory mode.
        events: the events that this app has accepted or may adopt, by id, each with its topic.
        losses: what this app's signals told.
        dead: the ids that any app so far told as dead letters.
        orphaned: how many records this app may adopt, those that it has adopted among them.
        is_troubled: whether nothing can be written just now.
        owed: how many records a closed app has left to others, who may have sent them since.
        was_troubled: whether this app may keep events in memory because it couldn't write.
    """

    def __init__(self, folder: Path | None, **settings: Any) -> None:
        self.folder = folder
        self.dead: set[str] = set()
        self.is_child = self.is_troubled = False
        self._trouble = ExitStack()
        self._settings = settings if folder is None else {**settings, "JOURNAL": str(folder)}
        self._own: list[str] = []
        self.events: dict[str, str] = {}
        self.open()

    def open(self, *, refuses: KafkaError | None = None) -> None:
        """Begin anew, as the next process of the app would: what is on disk is there to be adopted."""
        self.broker = Broker()
        self.broker.refuses = refuses
        self.losses: list[Loss] = []
        self._own = []
        left = self.rows()
        self.events = {id_: topic for id_, topic in self.events.items() if id_ in left}
        self.orphaned = len(self.events)
        self.was_troubled = self.is_closed = False
        self.owed: int | None = None
        self._held = ExitStack()
        self.shop: Shop = self._held.enter_context(
            shop(
                make=lambda *_, **__: ObedientProducer(self.broker),
                testing=False,
                patience=0,
                **self._settings,
            )
        )
        for told, receiver in (
            (event_created, self._note_event),
            (event_dropped, self._note_loss),
            (event_failed, self._note_loss),
        ):
            told.connect(receiver, sender=self.shop.app)
            # Not connected_to: blinker then looks through all senders, of which one may be collected meanwhile.
            self._held.callback(told.disconnect, receiver, sender=self.shop.app)
        self.prepare()
        self.shop.mine.start()
        self.broker.rest()

    def prepare(self) -> None:
        """Do what an app does before its first event."""

    def close(self) -> None:
        """End the app, and look that what it leaves is on disk."""
        self.shop.mine.close(0.02)
        wait_until(lambda: not _pollers(), "the poller has ended")  # close() may return a moment before
        self.is_closed = True
        self.broker.answers.clear()
        self.check()
        self.owed = self.stats.pending

    def end(self) -> None:
        """Let go of the app."""
        self.make_room()
        self._held.close()

    def fill_disk(self) -> None:
        """From now on nothing can be written."""
        self.is_troubled = self.was_troubled = True
        self._trouble.enter_context(largest_file(0))

    def make_room(self) -> None:
        """It can be written again."""
        self._trouble.close()
        self.is_troubled = False

    def delete_files(self) -> None:
        """Delete the one file that holds records, if it is one, and wait until it is written anew."""
        assert self.folder is not None
        written, dead = self.rows() & set(self.alive()), self.rows("dead")
        if len(list((self.folder / "shop").glob("*.journal"))) == 1 and written:
            for path in (self.folder / "shop").glob("*.journal*"):
                path.unlink(missing_ok=True)
            wait_until(lambda: written <= self.rows() and dead <= self.rows("dead"), "it is written anew")
        self.rest()

    def have_slots(self) -> Path | None:
        """Wait until the app has slots, if it may have any; their file."""
        own = self.process._keeping._opening.source if self.folder else None  # noqa: SLF001
        if own is None or self.is_closed or self.is_troubled:
            return None
        wait_until(lambda: slots_of(own.owned.file.path).exists(), "there are slots")
        self.rest()
        return slots_of(own.owned.file.path)

    def delete_slots(self) -> None:
        """Delete the slots, and wait until there are others: what was in them is in the file by then."""
        slots = self.have_slots()
        if slots is not None:
            slots.unlink()
        self.have_slots()

    def adopt(self) -> None:
        """Take over all that dead processes left, unless the poller is just about it."""
        if self.folder is not None and not self.is_closed and not self.is_troubled:
            wait_until(self._has_adopted_all, "all is adopted")
        self.rest()

    def act(self, act: Callable[[], object]) -> None:
        """Do something that emits; what it raises is what it may raise."""
        with suppress(*REFUSALS):
            act()
        self.rest()

    def rest(self) -> None:
        """Wait until nothing moves by itself, and let the broker answer no more."""
        if not self.is_closed:
            self.broker.rest()
        self.broker.answers.clear()

    def alive(self) -> dict[str, str]:
        """The events that have not met their end."""
        ended = {*self.broker.acknowledged, *(loss.id for loss in self.losses)}
        return {id_: topic for id_, topic in self.events.items() if id_ not in ended}

    def rows(self, table: Table = "record") -> set[str]:
        """The ids that are on disk, in whatever file; none is there twice."""
        return set() if self.folder is None else ids_on_disk(self.folder / "shop", table)

    @property
    def stats(self) -> Stats:
        """The library's own count."""
        return self.shop.mine.stats()

    @property
    def process(self) -> Any:
        """The app's delivery in this process."""
        return self.shop.app.extensions["kafka_events"].process

    def check(self) -> None:
        """The conservation law, and each of its terms as it is known from outside."""
        stats, alive = self.stats, self.alive()
        ends = stats.delivered + stats.failed + stats.dropped + stats.dead + stats.pending
        assert stats.emitted + stats.adopted == ends
        pending = len(alive) - self.orphaned + stats.adopted
        assert stats.pending == (pending if self.owed is None else self.owed)
        assert stats.delivered == self.broker.acknowledged.total()
        assert stats.dead == sum(loss.dead for loss in self.losses)
        assert stats.dropped == sum(loss.dropped for loss in self.losses)
        assert stats.failed == len(self.losses) - stats.dead - stats.dropped
        assert not {loss.id for loss in self.losses} & set(self.broker.acknowledged)
        assert stats.pending == self.process.held()
        self._check_places(alive)

    def check_disk(self) -> None:
        """Once the files have forgotten what is over, they hold what is pending and what is dead, and nothing else."""
        if self.folder is None or self.was_troubled:
            return
        wait_until(lambda: self.rows() == set(self.alive()), "the files hold what is alive")
        wait_until(lambda: self.rows("dead") == self.dead, "the files hold what is dead")
        if not self.is_closed:
            assert self.stats.pending + self.orphaned - self.stats.adopted == len(self.rows())

    def _check_places(self, alive: dict[str, str]) -> None:
        waiting = self.broker.ids()
        assert len(waiting) == len(set(waiting))
        assert set(waiting) <= set(alive)
        if self.is_troubled or (self.folder is not None and self.is_child):
            return  # no file can be opened, or those that it inherited are not for it to open
        if self.folder is not None:
            rows = self.rows()
            assert rows <= set(self.events)
            assert set(alive) <= rows or (self.was_troubled and not self.is_closed)
        elif self.is_closed:
            assert not alive
        elif not self.broker.is_full:
            assert set(alive) == set(waiting)
        for topic in {self.events[id_] for id_ in waiting}:
            mine = [id_ for id_ in self._own if self.events[id_] == topic and id_ in waiting]
            assert [id_ for id_ in waiting if id_ in mine] == mine

    def fork(self, work: Callable[[], object], *, leave: Callable[[], object]) -> None:
        """Do this in a forked child, which then leaves; in memory mode what it had is gone, else we may adopt it."""
        self.adopt()
        orphans = self.alive() if self.is_closed else {}
        childs = forked(lambda: self._in_child(work, orphans), leave=leave)
        if self.folder is None:
            return
        rows = self.rows()
        assert set(childs["alive"]) <= rows
        self.dead.update(childs["dead"])
        left = {id_: topic for id_, topic in childs["events"].items() if id_ in rows}
        self.events = {id_: topic for id_, topic in self.events.items() if id_ not in orphans} | left
        self.orphaned += len(left)

    def _in_child(self, work: Callable[[], object], orphans: dict[str, str]) -> dict[str, Any]:
        self.broker = Broker()
        self.events, self.losses, self._own, self.dead = dict(orphans), [], [], set()
        self.orphaned, self.owed, self.is_closed, self.is_child = len(orphans), None, False, True
        work()
        self.check()
        return {"events": self.events, "alive": list(self.alive()), "dead": list(self.dead)}

    def _has_adopted_all(self) -> bool:
        self.process.adopt()
        return self.stats.adopted == self.orphaned

    def _note_event(self, _: Flask, event: Event) -> bool | None:
        if event.type == "vetoed":
            return False
        self.events[event.id] = event.topic
        self._own.append(event.id)
        return None

    def _note_loss(self, _: Flask, loss: Loss) -> None:
        self.losses.append(loss)
        if loss.dead:
            assert loss.id is not None
            self.dead.add(loss.id)


def _pollers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "kafka-events-poller"]
