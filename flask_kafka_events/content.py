"""What the user put into one event, checked and encoded: the part that doesn't depend on how the request ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from flask_kafka_events.attributes import AttributeValue, checked_attributes, checked_string, is_string
from flask_kafka_events.encoding import encode_data, is_redacted, redacted
from flask_kafka_events.errors import (
    EventTooLarge,
    InvalidAttribute,
    InvalidKey,
    InvalidTopic,
    explanation,
)
from flask_kafka_events.event import Event, Record, key_text, utc_now
from flask_kafka_events.formats import FORMATS
from flask_kafka_events.settings import Settings
from flask_kafka_events.topic_names import check_topic
from flask_kafka_events.type_rules import TypeRule

#: Gives an event's key from its final data.
KeySource: TypeAlias = Callable[[Any], object]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One event's content, ready for its envelope.

    Attributes:
        why_keyless: why it has no key, where it should have one; else empty.
        id: the event's, where the caller gave one.
        attributes: the extension attributes that the caller gave.
    """

    type: str
    topic: str
    key: str | None
    why_keyless: str
    data: bytes | None
    format: Callable[[Event], Record]
    time: datetime
    rule: TypeRule
    headers: tuple[tuple[str, bytes], ...]
    id: str | None = None
    attributes: dict[str, AttributeValue] | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an event beside its content, once it is decided.

    Attributes:
        id: the event's id; None makes a new one.
        attributes: CloudEvents extension attributes.
        trace: gives what sampling goes by, a trace's or request's id, where anything is sampled; None takes the event's own.
    """

    id: str | None = None
    attributes: dict[str, str | int] = msgspec.field(default_factory=dict)
    trace: Callable[[], str] | None = None

    def of(self, content: Content) -> "Envelope":
        """The envelope of an event whose emitter gave an id or attributes of its own: these go before what is known.

        A `tracestate` goes with the `traceparent` that it belongs to.
        """
        if content.id is None and content.attributes is None:
            return self
        known, given = self.attributes, content.attributes or {}
        if "traceparent" in given:
            known = {name: value for name, value in known.items() if name != "tracestate"}
        return Envelope(id=content.id or self.id, attributes={**known, **given}, trace=self.trace)


class FieldKey(msgspec.Struct, frozen=True):
    """The key is the field `name` of the data."""

    name: str

    def __call__(self, data: Any) -> object:
        """The field's value in `data`."""
        if (type(data) is dict or isinstance(data, Mapping)) and self.name in data:
            return data[self.name]
        raise InvalidKey(
            f"The data has no field {self.name!r} to be the key. Put one there, with "
            f"current_event.update({self.name}=...) for example, or name another field."
        )


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all events of a type, found and checked once."""

    type: str
    topic: str
    key: FieldKey | None
    format: Callable[[Event], Record]
    rule: TypeRule


#: Plans kept; an emit's type may be made of what users send, so they must not pile up.
REMEMBERED = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentMaker:
    """Makes contents by an app's settings.

    Args:
        settings: the app's.
        formats: what writes an event in each of the formats.
    """

    settings: Settings
    formats: Mapping[str, Callable[[Event], Record]] = field(default_factory=lambda: FORMATS)
    _plans: dict[tuple[str, str | None, str | None], "_Plan"] = field(
        default_factory=dict, init=False, repr=False
    )

    def make(
        self,
        type: str,
        data: object,
        *,
        key: KeySource | None = None,
        topic: str | None = None,
        format: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        id: str | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        strict: bool,
    ) -> Content:
        """Check and encode.

        What `KAFKA_EVENTS_TYPES` says of the type goes before the arguments, and these before the app's settings.

        Raises:
            EventError: something in it can't go into an event. Where it is the key and `strict` is False, the event
                goes without one instead: better unordered than lost.
        """
        # Of plain str alone: what else an emit is given may be anything, and compare as it likes.
        is_plain = type.__class__ is str and (topic is None or topic.__class__ is str)
        plan = self._plans.get((type, topic, format)) if is_plain else self._plan(type, topic, format)
        if plan is None:
            if len(self._plans) >= REMEMBERED:
                self._plans.clear()
            plan = self._plans[(type, topic, format)] = self._plan(type, topic, format)
        text, why_keyless = self._key(type, plan.key or key, data, strict=strict)
        return Content(
            type=plan.type,
            topic=plan.topic,
            key=text,
            why_keyless=why_keyless,
            data=self._encoded(type, data),
            format=plan.format,
            time=utc_now(),
            rule=plan.rule,
            headers=_checked_headers(type, headers) if headers else (),
            id=None if id is None else checked_string("id", id),
            attributes=checked_attributes(attributes) if attributes else None,
        )

    def _plan(self, type: str, topic: str | None, format: str | None) -> "_Plan":
        checked_type = checked_string("type", type)
        rule = self.settings.types.for_type(type)
        return _Plan(
            type=checked_type,
            topic=self._topic(type, rule.topic or topic or self.settings.topic),
            key=FieldKey(rule.key) if rule.key else None,
            format=self.formats[rule.format or format or self.settings.format],
            rule=rule,
        )

    def _topic(self, type: str, topic: str | None) -> str:
        if topic is None:
            raise InvalidTopic(
                f"Event {type!r} has no topic. Set KAFKA_EVENTS_TOPIC, or give the decorator or emit() a topic."
            )
        return check_topic(topic)

    def _encoded(self, type: str, data: object) -> bytes | None:
        if data is None:
            return None
        encoded = redacted(encode_data(data), self.settings.redact)
        if len(encoded) > self.settings.max_event_bytes:
            raise EventTooLarge(
                f"The data of event {type!r} takes {len(encoded)} bytes, more than KAFKA_EVENTS_MAX_EVENT_BYTES = "
                f"{self.settings.max_event_bytes}. Put less into it, or raise that and the topic's max.message.bytes."
            )
        return encoded

    def _key(
        self, type: str, source: KeySource | None, data: object, *, strict: bool
    ) -> tuple[str | None, str]:
        """The key, and why there is none where there should be one."""
        if source is None:
            return None, ""
        try:
            redact = self.settings.redact
            if redact and isinstance(source, FieldKey) and is_redacted(source.name, redact):
                raise InvalidKey(
                    f"The key is the field {source.name!r}, which KAFKA_EVENTS_REDACT keeps inside the process. Choose "
                    f"another key."
                )
            return key_text(source(data)), ""
        except Exception as error:  # a key callable is the app's and may raise anything
            if strict and isinstance(error, InvalidKey):
                raise InvalidKey(f"Event {type!r}: {error}") from None
            if strict:
                raise
            return None, explanation(error)


def _checked_headers(type: str, headers: Mapping[Any, Any]) -> tuple[tuple[str, bytes], ...]:
    checked = []
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str | bytes):
            raise InvalidAttribute(
                f"A header of event {type!r} is not text: names are str, values str or bytes. Convert it."
            )
        if not is_string(name):
            raise InvalidAttribute(
                f"A header's name of event {type!r} has a character that no name can have. Use printable text."
            )
        if name.lower().startswith("ce_") or name.lower() in ("content-type", "data"):
            raise InvalidAttribute(
                f"Header {name!r} of event {type!r} belongs to the event's format. Choose another name, or give "
                f"an attribute of the event as one: emit(attributes=...)."
            )
        checked.append((name, value.encode(errors="surrogatepass") if isinstance(value, str) else value))
    return tuple(checked)
