"""The signals that tell an app what becomes of its events (blinker, sender: the Flask app).

A receiver may raise: it is logged and counted, and harms neither the request nor the other receivers.
"""

from blinker import Namespace

_signals = Namespace()

event_created = _signals.signal(
    "event-created",
    doc="""Sent with `event` (an `Event`) before it is formatted, in the thread that emits it.

    A receiver returns None to leave the event as it is, the result of `event.replace(...)` to enrich it, or
    False to veto it. An event that a receiver emits while it runs doesn't reach this signal's receivers again.

    .. versionadded:: 0.1
    """,
)

event_delivered = _signals.signal(
    "event-delivered",
    doc="""Sent with `record` (a `Record`) and `delivery` (a `Delivery`) once the broker acknowledged it.

    It is sent in the poller's thread, outside any context: a receiver that is slow delays the others' reports.

    .. versionadded:: 0.1
    """,
)

event_failed = _signals.signal(
    "event-failed",
    doc="""Sent with `loss` (a `Loss`) when an event can't be made or the broker refused it for good.

    .. versionadded:: 0.1
    """,
)

event_dropped = _signals.signal(
    "event-dropped",
    doc="""Sent with `loss` (a `Loss`) when an event is given up before the broker had it.

    .. versionadded:: 0.1
    """,
)
