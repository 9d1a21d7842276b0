"""Every error this package raises, in one tree.

Each message says what happened, where, and what to do next.
"""

import traceback
from pathlib import Path


class KafkaEventsError(Exception):
    """The root of the tree: catches whatever this package raises.

    .. versionadded:: 0.1
    """


class ConfigurationError(KafkaEventsError):
    """A setting is unknown, of the wrong type, or breaks a guarantee.

    .. versionadded:: 0.1
    """


class NotInitialised(KafkaEventsError):
    """The app at hand has no `KafkaEvents`, or there is no app at hand.

    .. versionadded:: 0.1
    """


class NoCurrentEvent(KafkaEventsError):
    """`current_event` was used where no decorated function is running.

    .. versionadded:: 0.1
    """


class MisplacedDecorator(KafkaEventsError):
    """`@emit_event` stands where Flask never calls it, or where it can't do what it was asked.

    .. versionadded:: 0.1
    """


class EventError(KafkaEventsError):
    """An event can't be made of what it was given.

    .. versionadded:: 0.1
    """


class EncodingError(EventError):
    """The data of an event holds something that JSON can't carry unchanged.

    Attributes:
        path: where in the data, as written in Python: `data["items"][2]["price"]`.

    .. versionadded:: 0.1
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class InvalidAttribute(EventError):
    """An attribute breaks a rule of CloudEvents 1.0.

    .. versionadded:: 0.1
    """


class InvalidKey(EventError):
    """An event's key is missing or of a type that has no one text form.

    .. versionadded:: 0.1
    """


class InvalidTopic(EventError):
    """An event has no topic, or one that Kafka doesn't allow.

    .. versionadded:: 0.1
    """


class EventTooLarge(EventError):
    """An event is larger than `KAFKA_EVENTS_MAX_EVENT_BYTES`.

    .. versionadded:: 0.1
    """


class QueueFull(KafkaEventsError):
    """The queue has no place left for an event's topic, which may hold half of it, and `KAFKA_EVENTS_ON_FULL` is `"raise"`.

    .. versionadded:: 0.1
    """


class DeliveryError(KafkaEventsError):
    """`emit(wait=...)` ended without an acknowledgement.

    .. versionadded:: 0.1
    """


class DeliveryFailed(DeliveryError):
    """The event won't reach the broker any more: it can't be made, was dropped, or was refused.

    Attributes:
        reason: the ledger's word for it, `"queue_full"` or `"MSG_SIZE_TOO_LARGE"` for example.

    .. versionadded:: 0.1
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DeliveryTimeout(DeliveryError, TimeoutError):
    """No acknowledgement within `wait` seconds; the event is still pending, not lost.

    .. versionadded:: 0.1
    """


class EmbeddedBrokerError(KafkaEventsError):
    """The embedded development broker can't be started, found or told.

    .. versionadded:: 0.1
    """


class FaultError(KafkaEventsError):
    """A fault of `flask_kafka_events.testing.faults` can't be ordered, or the child that it forked didn't end well.

    .. versionadded:: 0.1
    """


class BrokerError(KafkaEventsError):
    """A broker refused or didn't answer what a command asked of it.

    .. versionadded:: 0.1
    """


class JournalError(KafkaEventsError):
    """A journal file can't be opened, read or written now.

    .. versionadded:: 0.1
    """


class JournalInUse(JournalError):
    """A journal file belongs to a living process.

    .. versionadded:: 0.1
    """


class JournalCorrupt(JournalError):
    """A journal file is damaged, or isn't one.

    .. versionadded:: 0.1
    """


class JournalTooNew(JournalError):
    """A journal file was written by a newer version of this package.

    .. versionadded:: 0.1
    """


class MissingExtra(KafkaEventsError, ImportError):
    """What an extra of this package brings isn't installed.

    .. versionadded:: 0.1
    """


def missing_extra(
    error: ModuleNotFoundError, module: str, *, package: str, extra: str
) -> ModuleNotFoundError | MissingExtra:
    """What to raise where the import of an extra's module failed: which extra to install, unless it is installed.

    Args:
        error: the import's.
        module: what was to be imported, `"opentelemetry.trace"` say; one that lacks a module itself is installed.
        package: what pip calls the package that has it.
        extra: ours, which is also the name of its package in `contrib`.
    """
    if not f"{module}.".startswith(f"{error.name}."):
        return error
    return MissingExtra(
        f"flask_kafka_events.contrib.{extra} needs {package}, which isn't installed. Install the extra: pip install "
        f"'flask-kafka-events[{extra}]'"
    )


def explanation_with_place(error: BaseException) -> str:
    """`explanation`, and where it was raised, for code of the app's own: a traceback would end with what it says."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{explanation(error)} ({Path(last.filename).name}, line {last.lineno}, in {last.name})"


def class_name(error: BaseException) -> str:
    """What a program may find of an error in a log: its class, never what it says."""
    return error.__class__.__name__


def explanation(error: BaseException) -> str:
    """What a log may say of an error: an exception of the app's own may quote data or a secret, so only its class."""
    return str(error) if isinstance(error, KafkaEventsError) else f"{class_name(error)} was raised"
