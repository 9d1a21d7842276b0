"""Reads the topic in one process, as long as that has readers to serve: the only consumer that the page has in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec
from flask import Flask

from examples.game_api.live.acknowledgements import Acknowledgements
from examples.game_api.live.backlog import MOST_EVENTS, Backlog
from examples.game_api.live.row import row_of
from flask_kafka_events.errors import KafkaEventsError
from flask_kafka_events.reading import EventReader, ReadEvent, open_reader

#: Seconds between two looks at the broker and its partitions, and where one of them isn't there.
_LOOK: Final = 1.0
_LOOK_FOR: Final = 0.1
#: Seconds that one wait for events lasts.
_WAIT: Final = 0.05
#: Seconds after which a broker that couldn't be asked at all is tried again.
_AGAIN: Final = 1.0


class Following:
    """Fills a backlog until it is ended.

    Attributes:
        answers: whether the broker answered at the last look.
        has_topic: whether the topic was there.
        trouble: what stood in the way of an answer.
    """

    def __init__(self, app: Flask, backlog: Backlog, acknowledgements: Acknowledgements) -> None:
        self._app = app
        self._backlog = backlog
        self._acknowledgements = acknowledgements
        self._cluster = ""
        self._life = 0
        self._partitions: set[int] = set()
        self.answers = False
        self.has_topic = False
        self.trouble = ""

    def run(self, has_ended: Callable[[], bool], tell: Callable[[], object]) -> None:
        """Read until it has ended, and have the state told in between."""
        while not has_ended():
            try:
                # librdkafka asks a broker to wait half a second for the next event; that would be what a click takes.
                with open_reader(self._app, properties={"fetch.wait.max.ms": 20}) as reader:
                    self._partitions = set()
                    self._follow(reader, has_ended, tell)
            except KafkaEventsError as error:
                self._is_away(str(error))
                tell()
                time.sleep(_AGAIN)

    def _follow(self, reader: EventReader, has_ended: Callable[[], bool], tell: Callable[[], object]) -> None:
        next_look = 0.0
        while not has_ended():
            if time.monotonic() >= next_look:
                if not self._look(reader) and reader.is_stale():
                    return
                next_look = time.monotonic() + (_LOOK if self.answers and self.has_topic else _LOOK_FOR)
            self._publish(reader.read(_WAIT))
            tell()

    def _look(self, reader: EventReader) -> bool:
        try:
            cluster, partitions = reader.cluster()
            new = {each: reader.offsets(each) for each in partitions if each not in self._partitions}
        except KafkaEventsError as error:
            self._is_away(str(error))
            return False
        self.answers, self.has_topic, self.trouble = True, bool(partitions), ""
        if new:
            self._begin(reader, cluster, new)
        return True

    def _begin(self, reader: EventReader, cluster: str, new: dict[int, range]) -> None:
        share = MOST_EVENTS // len(new)
        starts = {each: max(there.start, there.stop - share) for each, there in new.items()}
        if self._cluster == cluster and self._partitions:
            self._backlog.widen(starts)
        else:
            self._cluster = cluster
            self._backlog.begin(self._topic(), starts, {each: there.stop for each, there in new.items()})
        reader.start(starts)
        self._partitions |= set(new)

    def _topic(self) -> str:
        return f"{self._cluster}#{self._life}" if self._life else self._cluster

    def _is_away(self, trouble: str) -> None:
        self.answers, self.trouble = False, trouble

    def _publish(self, read: list[ReadEvent]) -> None:
        acknowledged = self._acknowledgements.collect()
        if not (read or acknowledged):
            return
        self.answers, self.trouble = True, ""
        now = time.time()
        rows = [row_of(each, seen=now, acknowledged=self._acknowledgements.of(each)) for each in read]
        if any(map(self._backlog.is_repeated, rows[:1])):
            self._life += 1
            self._backlog.begin(self._topic(), dict.fromkeys(self._partitions, 0))
        self._backlog.extend(rows, acknowledged)


def encoded(state: dict[str, object]) -> bytes:
    """A state as the stream carries it."""
    return msgspec.json.encode(state)
