"""Sends this package's signals so that no receiver can harm anybody."""

import threading
from collections.abc import Callable
from typing import Any, Final

from blinker import NamedSignal

from flask_kafka_events.app_log import AppLog
from flask_kafka_events.errors import class_name, explanation_with_place
from flask_kafka_events.event import Event
from flask_kafka_events.ledger import Ledger
from flask_kafka_events.log_line import Line
from flask_kafka_events.reminders import Reminders

_NOWHERE: Final[frozenset[str]] = frozenset()


class Announcer:
    """Calls receivers one by one; one that raises is logged and counted, the others are called all the same.

    An event that a signal's receiver emits doesn't reach the same signal, neither while the receiver runs nor, by
    `inside`, when its own end is announced later: so that an event about an event about an event comes to an end.

    Args:
        sender: the Flask app.
        log: the app's.
        reminders: where answers that mean nothing are told.
    """

    def __init__(self, *, sender: object, log: AppLog, reminders: Reminders) -> None:
        self._sender = sender
        self._log = log
        self._reminders = reminders
        self._inside = threading.local()

    def inside(self) -> frozenset[str]:
        """The names of the signals whose receivers are running in this thread."""
        running = self._inside.__dict__.get("running")
        return frozenset(running) if running else _NOWHERE

    def announce(
        self, signal: NamedSignal, ledger: Ledger, *, emitted_in: frozenset[str], **what: Any
    ) -> None:
        """Send `signal` to all who listen, unless the event was emitted in a receiver of it."""
        if signal.name in emitted_in:
            return
        for receiver in self._receivers(signal):
            self._call(signal, receiver, ledger, what)

    def created(self, signal: NamedSignal, ledger: Ledger, event: Event) -> Event | None:
        """Let receivers enrich an event, one after the other; None if one of them vetoed it."""
        for receiver in self._receivers(signal):
            answer = self._call(signal, receiver, ledger, {"event": event})
            if answer is False:
                return None
            if isinstance(answer, Event):
                event = answer
            elif answer is not None:
                self._reminders.warn(
                    ("answer", signal.name),
                    "A receiver of %r returned a value of type %s, which changes nothing. Return None, False to veto, or "
                    "event.replace(...).",
                    signal.name,
                    answer.__class__.__name__,
                    line=Line("receiver_answer", about=signal.name),
                )
        return event

    def _receivers(self, signal: NamedSignal) -> list[Callable[..., Any]]:
        if not signal.receivers or signal.name in self._running():
            return []
        return list(signal.receivers_for(self._sender))

    def _call(
        self, signal: NamedSignal, receiver: Callable[..., Any], ledger: Ledger, what: dict[str, Any]
    ) -> Any:
        running = self._running()
        running.add(signal.name)
        try:
            return receiver(self._sender, **what)
        except Exception as error:  # noqa: BLE001 - a receiver is the app's code and may raise anything
            ledger.set_apart("receiver_errors")
            text = "A receiver of '%s' failed; the event goes on. %s."
            line = Line("receiver_failed", about=signal.name, error=class_name(error))
            self._log.error(text, signal.name, explanation_with_place(error), line=line)
            return None
        finally:
            running.discard(signal.name)

    def _running(self) -> set[str]:
        running: set[str] = self._inside.__dict__.setdefault("running", set())
        return running
