"""Events that a test got hold of, and what it can say about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, overload

import msgspec
from msgspec import UNSET, UnsetType

from flask_kafka_events.attributes import AttributeValue
from flask_kafka_events.event import Event, Record
from flask_kafka_events.formats.reading import read_record
from flask_kafka_events.testing.comparison import Expectation
from flask_kafka_events.testing.failures import emitted_nonetheless, not_so_often


class CapturedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a consumer would read it: decoded from the very record that Kafka gets.

    In the formats with `ce_` headers an integer attribute is text, but for `httpstatus` and `durationus`.

    Attributes:
        event: it, with its data as JSON text.
        record: what Kafka gets of it.

    .. versionadded:: 0.1
    """

    event: Event
    record: Record

    @property
    def type(self) -> str:
        """What happened."""
        return self.event.type

    @property
    def id(self) -> str:
        """Its id."""
        return self.event.id

    @property
    def time(self) -> datetime:
        """When it happened, aware, in UTC."""
        return self.event.time

    @property
    def source(self) -> str:
        """What emitted it."""
        return self.event.source

    @property
    def subject(self) -> str | None:
        """What it happened to; None where it doesn't say."""
        return self.event.subject

    @property
    def topic(self) -> str:
        """Where it goes."""
        return self.record.topic

    @property
    def key(self) -> str | None:
        """The record's key as text; None for none."""
        return self.event.key

    @property
    def data(self) -> Any:
        """The data as Python values, decoded anew at each access; None where there is none."""
        return self.event.decoded()

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The extension attributes: `httpstatus`, `endpoint`, ..."""
        return MappingProxyType(self.event.attributes)

    @property
    def headers(self) -> Mapping[str, bytes]:
        """The record's headers, those of the format among them; of several with one name the last."""
        return MappingProxyType(dict(self.record.headers))

    def __repr__(self) -> str:
        return (
            f"CapturedEvent(type={self.type!r}, key={self.key!r}, topic={self.topic!r}, data={self.data!r}, "
            f"attributes={self.event.attributes!r}, id={self.id!r})"
        )


def read_event(record: Record) -> CapturedEvent | None:
    """The event in a record; None where no consumer could read one in it."""
    event = read_record(record)
    return None if event is None else CapturedEvent(event=event, record=record)


class CapturedEvents(Sequence[CapturedEvent]):
    """Events in the order of their emission.

    Args:
        events: they themselves; what is added to them later is seen.

    .. versionadded:: 0.1
    """

    def __init__(self, events: Sequence[CapturedEvent]) -> None:
        self._events = events

    @property
    def types(self) -> list[str]:
        """The type of each."""
        return [event.type for event in self]

    def assert_emitted(
        self,
        type: str,
        *,
        data: Any = UNSET,
        key: Any = UNSET,
        topic: str | UnsetType = UNSET,
        attributes: Mapping[str, Any] | UnsetType = UNSET,
        headers: Mapping[str, str | bytes] | UnsetType = UNSET,
        count: int | None = None,
    ) -> tuple[CapturedEvent, ...]:
        """Make sure that such an event was emitted.

        Args:
            type: the event's type.
            data: fields that it has, others may be there too, at any depth; a list has all its items. Values are
                compared as they are sent, so that a datetime or a Decimal may stand here, and so may
                `unittest.mock.ANY` and `pytest.approx()`. None for an event without data.
            key: what was given as its key; None for no key.
            topic: where it goes.
            attributes: extension attributes that it has, others may be there too.
            headers: Kafka headers that it has, others may be there too.
            count: how many such events there are, exactly; None for one or more.

        Returns:
            Those that match, in order, so that `[sold] = captured.assert_emitted("sold")` takes the only one.

        Raises:
            AssertionError: there is none, or not so many. It shows the nearest event, where that differs, and what was
                emitted instead.
        """
        __tracebackhide__ = True
        expectation = Expectation(
            type=type, data=data, key=key, topic=topic, attributes=attributes, headers=headers
        )
        matching = self._matching(expectation)
        if not matching if count is None else len(matching) != count:
            raise AssertionError(
                not_so_often(expectation, count, len(matching), self._values(), self._notes())
            )
        return matching

    def assert_not_emitted(
        self,
        type: str,
        *,
        data: Any = UNSET,
        key: Any = UNSET,
        topic: str | UnsetType = UNSET,
        attributes: Mapping[str, Any] | UnsetType = UNSET,
        headers: Mapping[str, str | bytes] | UnsetType = UNSET,
    ) -> None:
        """Make sure that no such event was emitted: the arguments are those of `assert_emitted`.

        Raises:
            AssertionError: there is one. It shows all events.
        """
        __tracebackhide__ = True
        expectation = Expectation(
            type=type, data=data, key=key, topic=topic, attributes=attributes, headers=headers
        )
        if self._matching(expectation):
            raise AssertionError(emitted_nonetheless(f"Event {expectation}", self._values(), self._notes()))

    def assert_nothing_emitted(self) -> None:
        """Make sure that there is no event at all.

        Raises:
            AssertionError: there is one. It shows them.
        """
        __tracebackhide__ = True
        if self._events:
            raise AssertionError(emitted_nonetheless("An event", self._values(), self._notes()))

    def _matching(self, expectation: Expectation) -> tuple[CapturedEvent, ...]:
        return tuple(each for each in self if not expectation.differs(each.event, each.record))

    def _values(self) -> list[tuple[Event, Record]]:
        return [(each.event, each.record) for each in self]

    def _notes(self) -> list[str]:
        """What else a failure should tell, a line each."""
        return []

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, which: int) -> CapturedEvent: ...

    @overload
    def __getitem__(self, which: slice) -> Sequence[CapturedEvent]: ...

    def __getitem__(self, which: int | slice) -> CapturedEvent | Sequence[CapturedEvent]:
        return self._events[which]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.types) or 'no event'}>"
