"""What a process shares among its readers: one consumer, one backlog, so many places."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import Final

from flask import Flask

from examples.game_api.live.acknowledgements import Acknowledgements
from examples.game_api.live.backlog import Backlog
from examples.game_api.live.ending import tell_of_the_end
from examples.game_api.live.following import Following, encoded
from examples.game_api.live.speed_layer import Results, SpeedLayer
from examples.game_api.live.words import broker_words
from flask_kafka_events import KafkaEvents, Stats

#: Seconds between two looks at ledger, broker and speed layer.
_STATE: Final = 0.2
_STATE_SPEED_LAYER: Final = 1.0
#: Seconds that the end of the process waits for the consumer.
_CLOSE: Final = 3.0


class NoPlaceLeft(Exception):
    """As many read already as this process serves."""


class LiveFeed:
    """One app's, in every process that it runs in; the consumer starts at the first reader, never before a fork.

    Args:
        app: whose events are read.
        events: its extension.
        most_readers: how many read at the same time in one process.
    """

    def __init__(self, app: Flask, events: KafkaEvents, *, most_readers: int) -> None:
        self._app = app
        self._events = events.for_app(app)
        self._acknowledgements = Acknowledgements(app)
        self._most_readers = most_readers
        self._begin_process()
        forked = weakref.WeakMethod(self._begin_process)
        os.register_at_fork(after_in_child=lambda: (begin := forked()) and begin())
        tell_of_the_end(self)

    def _begin_process(self) -> None:
        # A lock that is held at the fork would stay so for ever; the parent's consumer has no threads here.
        self._lock = threading.Lock()
        self._readers = 0
        self._ends = False
        self._serving: _Serving | None = None

    @property
    def readers(self) -> int:
        """How many read just now."""
        return self._readers

    def join(self) -> Backlog:
        """Take a place, which `leave` gives back; the first reader starts the consumer.

        Raises:
            NoPlaceLeft: there is none, or the process ends.
        """
        with self._lock:
            if self._readers >= self._most_readers or self._ends:
                raise NoPlaceLeft
            self._readers += 1
            serving, is_first = self._serving, self._serving is None
            if serving is None:
                serving = self._serving = _Serving(self)
        # Outside the lock: under gevent a start lets others go on, and a lock from before its patches would stop them all.
        if is_first:
            tell_of_the_end(self)
            atexit.register(self.close)
            self._events.start()  # so that the first click waits for no producer to be built
            serving.thread.start()
        return serving.backlog

    def leave(self) -> None:
        """Give a place back."""
        with self._lock:
            self._readers -= 1

    def end_soon(self) -> None:
        """Let all readers go, and the consumer end; waits for nothing."""
        self._ends = True

    def close(self) -> None:
        """End the consumer and wait for it."""
        self._ends = True
        serving = self._serving
        if serving is not None:
            serving.thread.join(_CLOSE)
        atexit.unregister(self.close)

    @property
    def ends(self) -> bool:
        """Whether this process has been told to end."""
        return self._ends

    def follow(self, backlog: Backlog) -> None:
        """Fill a backlog until the end; what the consumer's thread does."""
        following = Following(self._app, backlog, self._acknowledgements)
        state = _State(self._app, following)
        try:
            following.run(lambda: self._ends, lambda: state.tell(backlog, self._events.stats()))
        finally:
            backlog.end()


class _Serving:
    """What is made at the first reader: under gevent its locks are gevent's by then."""

    def __init__(self, feed: LiveFeed) -> None:
        self.backlog = Backlog()
        self.thread = threading.Thread(
            target=feed.follow, args=(self.backlog,), name="live page", daemon=True
        )


class _State:
    """What the page says beside the events, looked at some times a second, for all readers together."""

    def __init__(self, app: Flask, following: Following) -> None:
        self._following = following
        self._speed_layer = SpeedLayer(app.config["GAME_SPEED_LAYER_DB"])
        self._next_look = 0.0
        self._next_look_at_speed_layer = 0.0
        self._results: Results | None = None

    def tell(self, backlog: Backlog, stats: Stats) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _STATE
        if now >= self._next_look_at_speed_layer:
            self._next_look_at_speed_layer = now + _STATE_SPEED_LAYER
            self._results = self._speed_layer.results()
        following = self._following
        words = broker_words(stats, answers=following.answers, has_topic=following.has_topic)
        state = {
            "process": os.getpid(),
            "broker": {"answers": following.answers, "words": words, "trouble": following.trouble},
            "ledger": {**stats.as_dict(), "failed": stats.failed, "dropped": stats.dropped},
            "speed_layer": self._results,
        }
        backlog.tell(encoded(state))
