"""Whether one process's events are well: a status, and the reasons for it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from flask_kafka_events.broker_addresses import NOT_SET
from flask_kafka_events.delivery.admission import Fullness
from flask_kafka_events.delivery.vitals import LATELY, Condition
from flask_kafka_events.pipeline import Pipeline
from flask_kafka_events.settings import Settings

Status: TypeAlias = Literal["ok", "degraded", "failing"]

#: The stable words for reasons, each with the status that it stands for; `docs/how-to/watching.md` tells more.
CODES: Final[dict[str, Status]] = {
    "configuration": "failing",
    "closed": "failing",
    "queue_full": "failing",
    "journal_full": "failing",
    "journal_unwritten": "failing",
    "broker_away": "degraded",
    "waiting": "degraded",
    "queue_filling": "degraded",
    "journal_filling": "degraded",
    "losses": "degraded",
    "dead_letters": "degraded",
}

#: Seconds that the oldest event may wait, beyond `linger.ms`.
PATIENCE: Final = 10.0
#: How much of a limit may be taken.
FILLING: Final = 0.8
#: Seconds after which an event that had no place doesn't mean any more that there is none.
FULL: Final = 10.0

_SETTING: Final = {
    "queue": "KAFKA_EVENTS_QUEUE_EVENTS or KAFKA_EVENTS_QUEUE_BYTES",
    "journal": "KAFKA_EVENTS_JOURNAL_MAX_BYTES",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthReason:
    """Why a status isn't `"ok"`.

    Attributes:
        code: a word that stays: `"broker_away"`, `"queue_full"`.
        status: the status that it stands for, `"degraded"` or `"failing"`.
        text: what is wrong and the next step, for a person; it may change.

    .. versionadded:: 0.1
    """

    code: str
    status: Status
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How the events of one process of an app fare.

    Attributes:
        status: `"ok"`; `"degraded"`, where events wait, or some were lost; `"failing"`, where events are lost now, or will
            be unless a person does something.
        reasons: why; those of `"failing"` come first, and there are none where it is `"ok"`.

    .. versionadded:: 0.1
    """

    status: Status
    reasons: tuple[HealthReason, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same of what JSON has: `{"status": ..., "reasons": [{"code": ..., "status": ..., "text": ...}]}`."""
        return {"status": self.status, "reasons": [asdict(each) for each in self.reasons]}


def health_of(pipeline: Pipeline) -> Health:
    """Look at the calling process's part of an app; it is cheap, waits for nothing and touches neither disk nor network."""
    settings, process = pipeline.settings, pipeline.processes.made()
    if not settings.enabled:
        return Health(status="ok")
    if settings.bootstrap_servers is None:
        condition = Condition(obstacle=NOT_SET)
    else:
        condition = Condition() if process is None else process.vitals.condition()
    return judged(condition, patience=patience_of(settings))


def patience_of(settings: Settings) -> float:
    """Seconds that an event may wait before that tells of trouble: of an app that batches for long, longer."""
    return PATIENCE + settings.producer.number("linger.ms", 0) / 1000


def judged(condition: Condition, *, patience: float) -> Health:
    """What a condition means.

    Args:
        condition: it.
        patience: seconds that an event may wait.
    """
    waits = _of_waiting(condition, patience)
    found = [*_of_configuration(condition), *waits, *_of_room(condition.fullness), *_of_losses(condition)]
    # In the order of CODES: what is failing comes first.
    found.sort(key=lambda reason: list(CODES).index(reason.code))
    return Health(status=found[0].status if found else "ok", reasons=tuple(found))


def _of_configuration(condition: Condition) -> Iterator[HealthReason]:
    if condition.obstacle:
        yield _reason("configuration", condition.obstacle)
    if condition.is_closed:
        yield _reason(
            "closed", "KafkaEvents was closed: what is emitted now is dropped. Start the process anew."
        )
    if condition.trouble:
        yield _reason("journal_unwritten", f"Events wait in memory alone. {condition.trouble}")


def _of_waiting(condition: Condition, patience: float) -> Iterator[HealthReason]:
    if condition.complaint:
        yield _reason("broker_away", f"No broker has answered since the last error: {condition.complaint}")
    if condition.waited > patience:
        text = (
            f"An event has waited for {condition.waited:.0f} s. Is the broker reachable, and has the event's topic a "
            f"leader? The log says more."
        )
        yield _reason("waiting", text)


def _of_room(fullnesses: Mapping[str, Fullness]) -> Iterator[HealthReason]:
    for name, fullness in fullnesses.items():
        step = f"Is the broker down? Raise {_SETTING[name]} to bridge longer outages."
        if fullness.share >= 1.0 or fullness.since_refusal < FULL:
            yield _reason(
                f"{name}_full", f"The {name} has no place for another event, of one topic at least. {step}"
            )
        elif fullness.share > FILLING:
            text = f"The {name} is {fullness.share:.0%} full, in all or with what one topic may hold of it. {step}"
            yield _reason(f"{name}_filling", text)


def _of_losses(condition: Condition) -> Iterator[HealthReason]:
    if condition.lost:
        shown = ", ".join(f"{reason} {count}" for reason, count in sorted(condition.lost.items()))
        text = f"Events were lost within the last {LATELY / 60:.0f} minutes; in all, by reason: {shown}. The log says why."
        yield _reason("losses", text)
    if condition.dead:
        text = f"The broker refused {condition.dead} event(s) for good. See them: flask kafka-events journal dead ls."
        yield _reason("dead_letters", text)


def _reason(code: str, text: str) -> HealthReason:
    return HealthReason(code=code, status=CODES[code], text=text)
