"""Every metric: its name, type, labels, unit and meaning. docs/reference/metrics.md is held to it."""

from typing import Final, Literal

import msgspec

PREFIX: Final = "flask_kafka_events_"

#: Seconds from the emit to the acknowledgement: below the first an event's time isn't known well enough (an id tells
#: milliseconds), the last is an outage's.
LATENCY_BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
)  # fmt: skip

#: How the values of several processes become one: Prometheus' words, each of living processes alone.
Merging = Literal["livesum", "livemin", "livemax"]


class Entry(msgspec.Struct, frozen=True):
    """One metric.

    Attributes:
        name: without the prefix.
        kind: Prometheus' type.
        unit: of its values.
        meaning: its help text.
        labels: besides `app`, which all have.
        merging: of a gauge alone.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    merging: Merging = "livesum"


CATALOGUE: Final = (
    Entry("emitted_total", "counter", "events", "Events that the app was asked to send."),
    Entry(
        "adopted_total", "counter", "events", "Events taken over from the journal of a process that ended."
    ),
    Entry(
        "outcomes_total",
        "counter",
        "events",
        "Events that met their end: delivered, failed, dropped or dead, and why.",
        labels=("type", "outcome", "reason"),
    ),
    Entry("pending", "gauge", "events", "Events accepted and not yet decided."),
    Entry(
        "left_out_total",
        "counter",
        "events",
        "What never became an event: discarded, vetoed, sampled_out, not_matching or disabled.",
        labels=("reason",),
    ),
    Entry(
        "receiver_errors_total",
        "counter",
        "exceptions",
        "Exceptions raised by receivers of this package's signals.",
    ),
    Entry(
        "delivery_latency_seconds",
        "histogram",
        "seconds",
        "From the emit of an event to the broker's acknowledgement.",
    ),
    Entry("queue_events", "gauge", "events", "Events that have a place in the memory queue."),
    Entry("queue_bytes", "gauge", "bytes", "Keys, values and headers of the events in the memory queue."),
    Entry("queue_limit_events", "gauge", "events", "What KAFKA_EVENTS_QUEUE_EVENTS allows."),
    Entry("queue_limit_bytes", "gauge", "bytes", "What KAFKA_EVENTS_QUEUE_BYTES allows."),
    Entry("journal_events", "gauge", "events", "Own events that have a place in the journal."),
    Entry("journal_bytes", "gauge", "bytes", "Keys, values and headers of the own events in the journal."),
    Entry("journal_limit_bytes", "gauge", "bytes", "What KAFKA_EVENTS_JOURNAL_MAX_BYTES allows."),
    Entry(
        "journal_file_bytes", "gauge", "bytes", "Size on disk of the journal files in use, adopted ones too."
    ),
    Entry(
        "brokers_connected",
        "gauge",
        "brokers",
        "Brokers that the producer is connected to; of several processes the fewest.",
        merging="livemin",
    ),
    Entry(
        "broker_connected",
        "gauge",
        "0 or 1",
        "Whether the producer is connected to the broker; of several processes the least.",
        labels=("broker",),
        merging="livemin",
    ),
    Entry(
        "broker_round_trips_total", "counter", "requests", "Requests that the broker answered.", ("broker",)
    ),
    Entry(
        "broker_round_trip_seconds_total",
        "counter",
        "seconds",
        "What those requests took, all together.",
        labels=("broker",),
    ),
    Entry(
        "broker_round_trip_p99_seconds",
        "gauge",
        "seconds",
        "99 of 100 requests were faster, in the last interval; of several processes the slowest.",
        labels=("broker",),
        merging="livemax",
    ),
    Entry(
        "broker_throttle_seconds_total",
        "counter",
        "seconds",
        "How long the broker held its answers back, by a quota.",
        labels=("broker",),
    ),
    Entry(
        "broker_request_errors_total",
        "counter",
        "requests",
        "Requests that failed on their way, or whose answer did.",
        labels=("broker",),
    ),
    Entry(
        "broker_request_retries_total", "counter", "requests", "Requests that were sent again.", ("broker",)
    ),
    Entry(
        "broker_request_timeouts_total",
        "counter",
        "requests",
        "Requests that the broker didn't answer in time.",
        labels=("broker",),
    ),
    Entry(
        "broker_disconnects_total",
        "counter",
        "connections",
        "Connections to the broker that ended.",
        labels=("broker",),
    ),
)
