"""`@emit_event`: each call of a function opens a draft, and the draft may become an event."""

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Token
from functools import partial, wraps
from typing import Any, Literal, ParamSpec, TypeVar, cast, get_args

from flask import Response

from flask_kafka_events.apps import app_at_hand, pipeline_of
from flask_kafka_events.attributes import checked_string
from flask_kafka_events.content import FieldKey
from flask_kafka_events.decision import FIRST_ERROR_STATUS, is_answer
from flask_kafka_events.drafts import Draft, Emission, On, innermost
from flask_kafka_events.errors import ConfigurationError, EventError, MisplacedDecorator
from flask_kafka_events.hooks import PASSTHROUGH, hand_over
from flask_kafka_events.placement import mark
from flask_kafka_events.settings import FORMAT_NAMES
from flask_kafka_events.topic_names import check_topic

P = ParamSpec("P")
R = TypeVar("R")
At = Literal["response", "close"]


def emit_event(
    type: str,
    *,
    key: str | Callable[[Any], object] | None = None,
    topic: str | None = None,
    data: Mapping[str, Any] | Callable[..., Mapping[str, Any]] | None = None,
    on: On = "success",
    at: At = "response",
    format: Literal["cloudevents", "cloudevents-binary", "plain"] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Emit an event for each call of the function below, when its request has ended as `on` asks.

    It belongs directly on the function, below every other decorator. The function keeps its type. While it runs,
    `current_event` is its event.

    Args:
        type: what happened, the event's `type`: `"purchased_sword"`.
        key: the name of a data field, or a callable of the final data; its value becomes the Kafka key, which keeps
            one player's events in order.
        topic: where the event goes; None for `KAFKA_EVENTS_TOPIC`.
        data: the event's first fields, or a callable that takes the function's own arguments and gives fields once
            the function has returned. What `current_event` got goes before both.
        on: `"success"` (the function wasn't left by an error, and the final status is below 400), `"error"` (the
            opposite), `"always"`, or a callable of the `Outcome`. HEAD and OPTIONS emit only where a callable says so.
        at: `"response"` (decided before the server gets the body) or `"close"` (after the body's end; a stream that
            breaks is an error then; not for `send_file`).
        format: how the event is written; None for `KAFKA_EVENTS_FORMAT`.

    Raises:
        ConfigurationError: an argument isn't one of those above. Raised at once, where the decorator stands.
        NotInitialised: at a call, where no app is at hand, or one without `KafkaEvents`.
        QueueFull: at a call, before the function runs, where `KAFKA_EVENTS_ON_FULL` is `"raise"`.

    .. versionadded:: 0.1
    """
    emission = _checked(type, key=key, topic=topic, data=data, on=on, at=at, format=format)
    return partial(_decorate, emission)


def _decorate(emission: Emission, function: Callable[P, R]) -> Callable[P, R]:
    _check_function(emission, function)
    _check_data(emission, function)
    wrap = _wrap_async if inspect.iscoroutinefunction(function) else _wrap
    wrapper = wrap(emission, function)
    mark(function, wrapper, emission)
    return wrapper


def _wrap(emission: Emission, function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        call = _Call(emission)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned(result, args, kwargs)
        return result

    return wrapper


def _wrap_async(emission: Emission, function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        call = _Call(emission)
        try:
            result = await cast("Callable[P, Awaitable[Any]]", function)(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        call.returned(result, args, kwargs)
        return result

    return cast("Callable[P, R]", wrapper)


class _Call:
    """One call of a decorated function: opens its draft, closes it, hands it over."""

    __slots__ = ("_app", "_draft", "_token")

    def __init__(self, emission: Emission) -> None:
        self._app = app_at_hand("A function under @emit_event(%r)", emission.type)
        pipeline = pipeline_of(self._app)
        self._draft = Draft(
            emission=emission,
            pipeline=pipeline,
            parent=innermost.get(),
            place=pipeline.reserve(emission.type, emission.topic),
            started=time.perf_counter_ns(),
            strict=pipeline.is_strict(),
        )
        self._token: Token[Draft | None] = innermost.set(self._draft)

    def raised(self, error: BaseException) -> None:
        """The function was left by an error, which nothing here may hide."""
        draft = self._close()
        draft.error = error
        if draft.emission.on == "success" and not is_answer(error):
            # It can't be an event any more, so that nothing is wrong with its data or key.
            draft.mistake = error
        elif not draft.discarded:
            draft.finish(strict=False)
        hand_over(draft, self._app)

    def returned(self, result: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The function returned; in strict mode a mistake in its event is raised instead of its result."""
        draft = self._close()
        try:
            _check_passthrough(draft, result)
            if not draft.discarded:
                compute = draft.emission.compute
                draft.finish(
                    None if compute is None else partial(compute, *args, **kwargs),
                    strict=False if draft.emission.on == "success" and _is_refusal(result) else None,
                )
        except BaseException:
            draft.give_back()
            raise
        hand_over(draft, self._app)

    def _close(self) -> Draft:
        self._draft.is_open = False
        try:  # noqa: SIM105 - suppress() takes 0.4 µs, this nothing
            innermost.reset(self._token)
        except ValueError:  # an unfinished coroutine is closed in whatever context collects it
            pass
        return self._draft


def _is_refusal(result: object) -> bool:
    """Whether what a view returns is, for all it can see, an error's answer: it may not have come to data and key."""
    if type(result) is str:  # as most are
        return False
    status = result.status_code if isinstance(result, Response) else None
    if isinstance(result, tuple) and len(result) > 1:
        status = result[1]
    return isinstance(status, int) and status >= FIRST_ERROR_STATUS


def _check_passthrough(draft: Draft, result: object) -> None:
    passes = isinstance(result, Response) and result.direct_passthrough
    if passes and draft.emission.at == "close" and draft.strict:
        raise MisplacedDecorator(PASSTHROUGH % draft.emission.type)


def _check_function(emission: Emission, function: object) -> None:
    if not callable(function) or isinstance(function, type) or not hasattr(function, "__dict__"):
        raise ConfigurationError(
            f"@emit_event({emission.type!r}) stands on {function!r}, which is no function. Put it directly on a view "
            f"function or a method; for a View class, into its `decorators`."
        )
    if inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"@emit_event({emission.type!r}) stands on {function!r}, an async generator, which Flask can't answer "
            f"with. Return a generator from a plain view."
        )


def _check_data(emission: Emission, function: Callable[..., Any]) -> None:
    """A data callable must take what the function takes; Flask passes a method's self by place, the rest by name."""
    if emission.compute is None:
        return
    given = inspect.signature(function).parameters
    names = list(given)
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in given.values()):
        return
    if not any(
        _takes(emission.compute, *names[:by_place], **dict.fromkeys(names[by_place:]))
        for by_place in (0, 1, len(names))
    ):
        raise ConfigurationError(
            f"@emit_event({emission.type!r}): data={emission.compute!r} must take the parameters of the function below it, "
            f"{function.__qualname__}({', '.join(names)})."
        )


def _takes(callable_: Callable[..., Any], *args: object, **kwargs: object) -> bool:
    try:
        inspect.signature(callable_).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:  # one written in C that tells no signature
        return True
    return True


def _checked(type: str, *, key: Any, topic: Any, data: Any, on: Any, at: Any, format: Any) -> Emission:
    if callable(type):
        raise ConfigurationError(
            f'@emit_event stands on {getattr(type, "__name__", type)} without parentheses. Write @emit_event("name"), the '
            f"name of what happened."
        )
    try:
        checked_string("type", type)
        if topic is not None:
            check_topic(topic)
    except EventError as error:
        raise ConfigurationError(f"@emit_event({type!r}): {error}") from None
    is_key = key is None or isinstance(key, str) or (callable(key) and _takes(key, None))
    is_data = data is None or isinstance(data, Mapping) or callable(data)
    is_on = on in ("success", "error", "always") or (callable(on) and _takes(on, None))
    for name, value, is_good, wanted in (
        ("key", key, is_key, "a field name or a callable of the data"),
        ("data", data, is_data, "a mapping or a callable"),
        ("on", on, is_on, "'success', 'error', 'always' or a callable of the Outcome"),
        ("at", at, at in get_args(At), "'response' or 'close'"),
        ("format", format, format in (None, *FORMAT_NAMES), f"one of {', '.join(map(repr, FORMAT_NAMES))}"),
    ):
        if not is_good:
            raise ConfigurationError(f"@emit_event({type!r}): {name}={value!r} must be {wanted}.")
    return Emission(
        type=type,
        key=FieldKey(key) if isinstance(key, str) else key,
        topic=topic,
        fields=data if isinstance(data, Mapping) else None,
        compute=None if isinstance(data, Mapping) else data,
        on=on,
        at=at,
        format=format,
    )
