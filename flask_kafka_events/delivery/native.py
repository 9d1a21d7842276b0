"""A producer for gevent's monkey patching, where a thread is a greenlet and a call that blocks stops all of them.

There the poller is a greenlet too, and each of its polls would stop the hub for 0.1 s. So what may block is called in a
real thread, and what it calls back is called afterwards, in the poller's greenlet: the real thread takes no lock. (One
that logs in bursts left 20 of 20 greenlets waiting for ever for a lock that was free: gevent 26.9.)

gevent isn't imported where it hasn't patched already: elsewhere a producer is what its factory makes.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final, TypeVar, cast

from confluent_kafka import Producer

from flask_kafka_events.greenlets import is_patched, original

#: Seconds that the poller's greenlet works before it lets the others go on, and for how long it does.
SLICE: Final = 0.003
# Not 0: the hub would come back up to fifty times before it looks at its timers and sockets.
REST: Final = 0.001

T = TypeVar("T")


def build(factory: Callable[..., Producer], config: Mapping[str, Any], *, logger: Any) -> Producer:
    """`factory(config, logger=logger)`; under gevent a producer that doesn't stop its hub."""
    if not is_patched():
        return factory(config, logger=logger)
    return cast("Producer", _CooperativeProducer(factory, config, logger))


def end(producer: Producer) -> None:
    """Let go of a thread that `build` made for a producer; nothing may be asked of it any more."""
    ours: object = producer
    if isinstance(ours, _CooperativeProducer):
        ours.end()


def thread_id() -> int:
    """What the operating system's thread is called here; under gevent `threading` tells the greenlet's number."""
    return int(original("_thread", "get_ident")())


def start_thread(work: Callable[[], None], *, name: str) -> None:
    """Do this in a thread of its own, or a greenlet; callable where nothing may wait, in a signal handler."""
    if is_patched():
        # Not Thread.start: it would wait for the hub, which may be what was interrupted.
        sys.modules["gevent"].spawn(work)
    else:
        threading.Thread(target=work, name=name, daemon=True).start()


def paced(items: Iterable[T]) -> Iterable[T]:
    """The same items; under gevent whoever works on them rests now and then, so that the hub goes on."""
    return _rested(items) if _gives_way() else items


def may_not_wait() -> bool:
    """Whether this is gevent's hub itself, in which a signal handler may run: it can't give way to any greenlet."""
    return is_patched() and _is_hub()


class OffHub:
    """Does what may take long: under gevent in a real thread of its own, off the hub, which goes on; elsewhere at once.

    What is done there must take no lock that a greenlet may hold, and write no log. Others have their turns meanwhile: a
    lock that whoever asks for it holds is taken by the hub itself (a signal handler's emit) only without waiting.
    """

    def __init__(self) -> None:
        self._thread: Any = None

    def __call__(self, work: Callable[[], T]) -> T:
        """Do it, and give or raise what it does."""
        if not _gives_way():
            return work()
        if self._thread is None:
            # One of its own: the hub's may be full of the app's work, and at the exit no thread can be started.
            self._thread = import_module("gevent.threadpool").ThreadPool(1)
        # What is raised there is raised here; gevent alone would print it too.
        guarded = import_module("gevent.util").wrap_errors(BaseException, work)
        result = self._thread.apply(guarded)
        if isinstance(result, BaseException):
            raise result
        return cast("T", result)

    def end(self) -> None:
        """Let go of the thread; nothing may be asked for any more."""
        if self._thread is not None:
            self._thread.kill()


class _CooperativeProducer:
    """As much of `confluent_kafka.Producer` as the poller and the gate use."""

    def __init__(self, factory: Callable[..., Producer], config: Mapping[str, Any], logger: Any) -> None:
        self._off_hub = OffHub()
        self._said: deque[Callable[[], object]] = deque()
        deferred = {name: self._later(config[name]) for name in ("error_cb", "stats_cb") if name in config}
        config = {**config, **deferred}
        log = SimpleNamespace(log=self._later(logger.log))
        self._producer: Producer = self._call(factory, config, logger=log)
        self.set_sasl_credentials = self._producer.set_sasl_credentials

    def produce(
        self, topic: str, value: bytes, key: bytes | None, *, headers: Any, on_delivery: Callable[..., object]
    ) -> None:
        self._producer.produce(topic, value, key, headers=headers, on_delivery=self._later(on_delivery))

    def poll(self, timeout: float) -> None:
        self._call(self._producer.poll, timeout)

    def flush(self, timeout: float) -> None:
        self._call(self._producer.flush, timeout)

    def purge(self) -> None:
        self._call(self._producer.purge)

    def __len__(self) -> int:
        return len(self._producer) + len(self._said)

    def end(self) -> None:
        self._off_hub.end()

    def _later(self, callback: Callable[..., object]) -> Callable[..., None]:
        return lambda *said: self._said.append(partial(callback, *said))

    def _call(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        try:
            return self._off_hub(partial(function, *args, **more))
        finally:
            for said in paced(_taken(self._said)):
                said()


def _gives_way() -> bool:
    """Whether others go on while this waits: it is a greenlet of gevent's, and not the hub."""
    return is_patched() and not _is_hub()


def _is_hub() -> bool:
    gevent: Any = sys.modules["gevent"]
    return bool(gevent.getcurrent() is gevent.get_hub())


def _taken(line: deque[T]) -> Iterator[T]:
    while line:
        yield line.popleft()


def _rested(items: Iterable[T]) -> Iterator[T]:
    rested = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - rested > SLICE:
            sys.modules["gevent"].sleep(REST)
            rested = time.monotonic()
