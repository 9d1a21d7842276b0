"""Of librdkafka's statistics what matters to who watches a producer: how its brokers answer."""

from typing import Final

import msgspec

from flask_kafka_events.contrib.prometheus.metrics import Metrics

#: The value of `broker` for those that are only asked which brokers there are.
BOOTSTRAP: Final = "bootstrap"
#: Handles of librdkafka's own that are no broker of their own.
_NO_BROKERS: Final = frozenset({"internal", "logical"})
_CONNECTED: Final = frozenset({"UP", "UPDATE"})
_MICROSECONDS: Final = 1e-6
_MILLISECONDS: Final = 1e-3


class _Window(msgspec.Struct):
    """What was measured since the last statistics."""

    sum: int = 0
    cnt: int = 0
    p99: int = 0


class _Broker(msgspec.Struct):
    """As STATISTICS.md of librdkafka has it; `rtt` is in microseconds, `throttle` in milliseconds."""

    name: str
    nodeid: int = -1
    source: str = ""
    state: str = ""
    connects: int = 0
    disconnects: int = 0
    txerrs: int = 0
    rxerrs: int = 0
    txretries: int = 0
    req_timeouts: int = 0
    rtt: _Window = msgspec.field(default_factory=_Window)
    throttle: _Window = msgspec.field(default_factory=_Window)

    @property
    def label(self) -> str:
        return BOOTSTRAP if self.nodeid < 0 else str(self.nodeid)

    @property
    def is_connected(self) -> bool:
        return self.state in _CONNECTED

    def totals(self) -> dict[str, int]:
        """What it has counted since it is known."""
        return {
            "broker_request_errors_total": self.txerrs + self.rxerrs,
            "broker_request_retries_total": self.txretries,
            "broker_request_timeouts_total": self.req_timeouts,
            "broker_disconnects_total": self.disconnects,
        }


class _Statistics(msgspec.Struct):
    name: str
    brokers: dict[str, _Broker] = {}


class ProducerStatistics:
    """Brings one process's statistics into the metrics; whoever holds their lock may use it.

    Args:
        metrics: those.
        app: the value of the label `app`.
    """

    def __init__(self, metrics: Metrics, app: str) -> None:
        self._metrics = metrics
        self._app = app
        self._producer = ""
        self._before: dict[tuple[str, str], int] = {}
        self._shown: set[str] = set()

    def take(self, text: str) -> None:
        """Take what librdkafka says, at each interval.

        Raises:
            msgspec.MsgspecError: it isn't what it was.
        """
        statistics = msgspec.json.decode(text, type=_Statistics)
        if statistics.name != self._producer:  # another one, which counts from nothing
            self._producer = statistics.name
            self._before.clear()
        brokers = [each for each in statistics.brokers.values() if each.source not in _NO_BROKERS]
        for broker in brokers:
            self._count(broker)
        self._metrics.set("brokers_connected", sum(each.is_connected for each in brokers), (self._app,))
        # One that was never asked for anything has no connection, and is missed by nobody.
        self._show({each.label: each for each in brokers if each.connects and each.nodeid >= 0})

    def end(self) -> None:
        """There is no producer any more."""
        if self._producer:
            self._metrics.set("brokers_connected", 0, (self._app,))
            self._show({})

    def _count(self, broker: _Broker) -> None:
        labels = (self._app, broker.label)
        for metric, total in broker.totals().items():
            before = self._before.get((broker.name, metric), 0)
            self._before[broker.name, metric] = total
            self._metrics.add(metric, total - before if total >= before else total, labels)
        self._metrics.add("broker_round_trips_total", broker.rtt.cnt, labels)
        self._metrics.add("broker_round_trip_seconds_total", broker.rtt.sum * _MICROSECONDS, labels)
        self._metrics.add("broker_throttle_seconds_total", broker.throttle.sum * _MILLISECONDS, labels)

    def _show(self, brokers: dict[str, _Broker]) -> None:
        self._shown |= brokers.keys()
        for label in self._shown:  # those that are gone too: in multiprocess mode no series can be removed
            broker = brokers.get(label)
            is_up, slowest = (0, 0) if broker is None else (broker.is_connected, broker.rtt.p99)
            self._metrics.set("broker_connected", is_up, (self._app, label))
            self._metrics.set("broker_round_trip_p99_seconds", slowest * _MICROSECONDS, (self._app, label))
