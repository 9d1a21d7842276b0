"""An event while its function runs: the draft, and `current_event`, by which the function fills it."""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from flask_kafka_events.content import Content, KeySource
from flask_kafka_events.delivery.admission import Reservation
from flask_kafka_events.encoding import encode_data
from flask_kafka_events.errors import NoCurrentEvent
from flask_kafka_events.pipeline import Pipeline


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the request, or the function outside a request, ended: what a callable `on=` gets.

    Attributes:
        status: the HTTP status that the client got; None outside a request.
        error: what the function raised, else what the request failed with; None where neither did.
        duration: seconds from the function's call to the answer, or to its return outside a request.
        method: the HTTP method; None outside a request.

    .. versionadded:: 0.1
    """

    status: int | None
    error: BaseException | None
    duration: float
    method: str | None


On: TypeAlias = Literal["success", "error", "always"] | Callable[[Outcome], object]


class Emission(msgspec.Struct, frozen=True, kw_only=True):
    """What `@emit_event` was told, checked; `data` is `fields` where it is a mapping, `compute` where it is a callable."""

    type: str
    key: KeySource | None
    topic: str | None
    fields: Mapping[str, Any] | None
    compute: Callable[..., Mapping[str, Any]] | None
    on: On
    at: Literal["response", "close"]
    format: str | None


_UNSET: Final = object()


class Draft(msgspec.Struct, kw_only=True, eq=False):
    """One call of a decorated function, from its start until it is decided whether it was an event.

    Attributes:
        emission: what the decorator was told.
        pipeline: where the event goes.
        parent: the draft that was open before it in this context.
        place: the place reserved for it in the queue, if any.
        started: when the function was called, on the clock of `time.perf_counter_ns`.
        strict: whether a mistake in it is raised, as the app had it then.
        is_open: whether the function is running.
        discarded: whether the function took it back.
        content: what it says, once the function has ended; None before, and where there is nothing to send.
        mistake: why there is no content, told only if the draft would have been an event.
        error: what the function raised.
    """

    emission: Emission
    pipeline: Pipeline
    parent: "Draft | None"
    place: Reservation | None
    started: int
    strict: bool
    is_open: bool = True
    discarded: bool = False
    content: Content | None = None
    mistake: BaseException | None = None
    error: BaseException | None = None
    _key: object = _UNSET
    _fields: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.emission.fields is not None:
            # Deep: what a view appends to a list in there is of this call alone.
            self._fields = deepcopy(dict(self.emission.fields))

    @property
    def fields(self) -> dict[str, Any]:
        """The data as it stands."""
        if self._fields is None:
            self._fields = {}
        return self._fields

    @property
    def key(self) -> object:
        """The key that the function set itself; None where it didn't."""
        return None if self._key is _UNSET else self._key

    @key.setter
    def key(self, value: object) -> None:
        self._key = value

    def give_back(self) -> None:
        """Give up the place in the queue, unless the event got it."""
        if self.place is not None:
            self.place.give_back()

    def seconds(self) -> float:
        """How long ago the function was called."""
        return (time.perf_counter_ns() - self.started) / 1e9

    def finish(
        self, computed: Callable[[], Mapping[str, Any]] | None = None, *, strict: bool | None = None
    ) -> None:
        """Make the content, now that nothing more can be put into it; a mistake waits for the decision.

        Args:
            computed: gives further data; what the function put there itself goes before it.
            strict: whether a mistake is raised; None as the draft has it.

        Raises:
            KafkaEventsError: in strict mode, where it can't go into an event.
        """
        emission = self.emission
        strict = self.strict if strict is None else strict
        try:
            self.content = self.pipeline.make_content(
                emission.type,
                lambda: self._data(computed),
                strict=strict,
                key=emission.key if self._key is _UNSET else lambda _: self._key,
                topic=emission.topic,
                format=emission.format,
            )
        except Exception as error:
            if strict:
                raise
            self.mistake = error

    def _data(self, computed: Callable[[], Mapping[str, Any]] | None) -> Mapping[str, Any] | None:
        if computed is None:
            return self._fields
        return {**computed(), **(self._fields or {})}


innermost: Final[ContextVar[Draft | None]] = ContextVar("flask_kafka_events_draft", default=None)


class CurrentEvent:
    """The event of the innermost decorated function that is running: `current_event`.

    It is usable from the function's first line to its return, in whatever it calls. After that, and anywhere else,
    each use raises `NoCurrentEvent`.

    .. versionadded:: 0.1
    """

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Draft]) -> None:
        self._find = find

    def update(self, fields: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Put fields into the event's data.

        Raises:
            EncodingError: in strict mode, where JSON can't carry a value as it is.
            NoCurrentEvent: no decorated function is running.
        """
        draft = self._find()
        added = {**fields, **more} if fields else more
        if draft.strict:
            encode_data(added)  # so that a mistake is raised here, at the user's own line
        draft.fields.update(added)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __getitem__(self, name: str) -> Any:
        return self._find().fields[name]

    def __delitem__(self, name: str) -> None:
        del self._find().fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self._find().fields

    @property
    def type(self) -> str:
        """The event's type, as the decorator has it."""
        return self._find().emission.type

    @property
    def key(self) -> object:
        """The key set here, which goes before the decorator's; None where none was set here."""
        return self._find().key

    @key.setter
    def key(self, value: object) -> None:
        self._find().key = value

    def discard(self) -> None:
        """Emit nothing for this call, however it ends."""
        self._find().discarded = True

    def of(self, type: str) -> "CurrentEvent":
        """The event of this type, where several decorated functions are running or one has several decorators.

        Raises:
            NoCurrentEvent: no running function emits that type.
        """
        draft = _find(lambda draft: draft.emission.type == type, f"that emits {type!r} ")
        return CurrentEvent(lambda: _still_open(draft))


def _innermost_open() -> Draft:
    draft = innermost.get()
    return draft if draft is not None and draft.is_open else _find(lambda _: True)


def _find(is_it: Callable[[Draft], bool], which: str = "") -> Draft:
    draft = innermost.get()
    while draft is not None and not (draft.is_open and is_it(draft)):
        draft = draft.parent
    if draft is None:
        raise _none_current(which)
    return draft


def _still_open(draft: Draft) -> Draft:
    if not draft.is_open:
        raise _none_current(f"that emits {draft.emission.type!r} ")
    return draft


def _none_current(which: str) -> NoCurrentEvent:
    return NoCurrentEvent(
        f"There is no current event: no function {which}under @emit_event is running here. Use current_event inside a "
        f"decorated function, before it returns (a stream's body and new threads run later), or call emit()."
    )


current_event: Final = CurrentEvent(_innermost_open)
