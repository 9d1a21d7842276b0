"""What happened, as a value: an event, and the Kafka record it becomes."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Final

import msgspec
import uuid_utils
from msgspec import UNSET, UnsetType

from flask_kafka_events.attributes import AttributeValue, checked_attributes, checked_string, is_string
from flask_kafka_events.errors import InvalidKey
from flask_kafka_events.topic_names import check_topic

#: Gives this moment, aware, in UTC, in microseconds.
utc_now: Final = partial(datetime.now, timezone.utc)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event: the attributes of CloudEvents 1.0, and where it goes.

    Attributes:
        id: unique within the source; the same again where an event is sent again.
        source: a URI-reference for what emits it.
        type: what happened: `"purchased_sword"`.
        time: when it happened, aware, in UTC.
        topic: the Kafka topic it goes to.
        key: text; the record's key and the `partitionkey` attribute. `""` is a key, None is none.
        subject: what it happened to, in the source's own terms.
        data: the JSON text of exactly what the user put there; None where there is none.
        attributes: the extension attributes: strings, and integers of 32 bits.

    .. versionadded:: 0.1
    """

    id: str
    source: str
    type: str
    time: datetime
    topic: str
    key: str | None = None
    subject: str | None = None
    data: bytes | None = None
    attributes: dict[str, AttributeValue] = msgspec.field(default_factory=dict)

    def replace(
        self,
        *,
        topic: str | UnsetType = UNSET,
        key: object = UNSET,
        subject: str | UnsetType | None = UNSET,
        attributes: Mapping[str, AttributeValue] | UnsetType = UNSET,
    ) -> "Event":
        """A copy with other values, for receivers of `event_created`; what isn't given stays.

        `id`, `source`, `type`, `time` and `data` stay what the emitter made them: consumers recognise an event by the
        first two, and the others are what happened.

        Args:
            topic: another topic.
            key: a str, int, UUID, UTF-8 bytes, or None for no key.
            subject: non-empty text, or None for no subject.
            attributes: extension attributes, merged over those present.

        Raises:
            InvalidTopic: Kafka doesn't allow that topic.
            InvalidKey: that key has no one text form.
            InvalidAttribute: the subject or an attribute breaks a rule of CloudEvents.

        .. versionadded:: 0.1
        """
        changes: dict[str, object] = {}
        if topic is not UNSET:
            changes["topic"] = check_topic(topic)
        if key is not UNSET:
            changes["key"] = key_text(key)
        if subject is not UNSET:
            changes["subject"] = None if subject is None else checked_string("subject", subject)
        if attributes is not UNSET:
            changes["attributes"] = {**self.attributes, **checked_attributes(attributes)}
        return msgspec.structs.replace(self, **changes)

    def checked(self) -> "Event":
        """The event, once more by every rule: a receiver may have made it by hand, or changed what is in it.

        A name with half a character in it, as a header's, would crash the process inside confluent-kafka (measured).

        Raises:
            EventError: it breaks one.

        .. versionadded:: 0.1
        """
        return self.replace(topic=self.topic, key=self.key, subject=self.subject, attributes=self.attributes)

    def decoded(self) -> object:
        """The data as Python values; None where there is none.

        .. versionadded:: 0.1
        """
        return None if self.data is None else msgspec.json.decode(self.data)

    def context(self) -> dict[str, AttributeValue | datetime]:
        """The context attributes of CloudEvents, in the order they are written, without `datacontenttype`."""
        context: dict[str, AttributeValue | datetime] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
        }
        if self.subject is not None:
            context["subject"] = self.subject
        # extensions/partitioning.md wants a non-empty String. A key that is none goes as the record's key alone:
        # encoding it here would name another partition than the one it is in.
        if self.key and is_string(self.key):
            context["partitionkey"] = self.key
        context.update(self.attributes)
        return context


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What Kafka gets of an event.

    Attributes:
        id: the event's, for logs and signals.
        type: the event's, for logs and signals.
        topic: where it goes.
        key: UTF-8, None for no key.
        value: never null, see `formats.binary`.
        headers: names and UTF-8 values, in order.

    .. versionadded:: 0.1
    """

    id: str
    type: str
    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """How many bytes key, value and headers take in the queue."""
        size = len(self.value) + (0 if self.key is None else len(self.key))
        for name, value in self.headers:
            size += len(name) + len(value)
        return size

    def with_headers(self, headers: tuple[tuple[str, bytes], ...]) -> "Record":
        """The record with these headers behind its own, of which those go that they take the place of.

        A name is there once, for readers differ in which of two they take; and a `tracestate` goes with the `traceparent`
        that it belongs to.
        """
        names = {name.lower() for name, _ in headers}
        if "traceparent" in names:
            names.add("tracestate")
        own = [each for each in self.headers if each[0].lower() not in names]
        return msgspec.structs.replace(self, headers=(*own, *headers))


def new_id() -> str:
    """A new event id: a UUID of version 7, so that ids sort by time."""
    return str(uuid_utils.uuid7())


def derived_id(*parts: str) -> str:
    """The event id that belongs to these parts: the same for the same parts, another for any others.

    SHA-256 over the parts, each preceded by its length (so that `("ab", "c")` and `("a", "bc")` differ), as a UUID of
    version 8 (RFC 9562, section 5.8).
    """
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    number = int.from_bytes(digest.digest()[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    return str(uuid.UUID(int=number & ~(0b11 << 62) | 0b10 << 62))


def key_text(value: object) -> str | None:
    """The text of an event's key.

    Args:
        value: a str, int, UUID or bytes of UTF-8; None for no key. `""` is a key.

    Raises:
        InvalidKey: it is of another type, or can't be written as UTF-8. The message never holds the key itself.
    """
    if value is None:
        return None
    try:
        return _text_of(value)
    except ValueError:  # UnicodeError is one; so is what int raises above 4,300 digits
        raise InvalidKey(
            f"The event's key is of type {type(value).__name__} and can't be written as UTF-8 text. "
            "Give a str without lone surrogates, an int, a UUID, bytes of UTF-8, or None for no key."
        ) from None


def _text_of(value: object) -> str:
    if isinstance(value, str):
        text = str.__str__(value)
        text.encode()
        return text
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value)
    if isinstance(value, uuid.UUID | uuid_utils.UUID):
        return str(value)
    raise InvalidKey(
        f"The event's key is of type {type(value).__name__}, which has no one text form. "
        "Give a str, int, UUID, bytes of UTF-8, or None for no key."
    )
