"""What a failed assertion about events says: what is wanted, the nearest event, and what there is instead."""

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from flask_kafka_events.event import Event, Record
from flask_kafka_events.outcomes import Loss
from flask_kafka_events.testing.comparison import Difference, Expectation

#: Events and differences that are listed, and characters of one event's data.
MOST: Final = 20
LONGEST: Final = 200

Events: TypeAlias = Sequence[tuple[Event, Record]]


def not_so_often(
    expectation: Expectation, count: int | None, matching: int, events: Events, notes: Iterable[str]
) -> str:
    """Why `assert_emitted` fails.

    Args:
        expectation: what was expected.
        count: how often; None for at least once.
        matching: how often it was so.
        events: all that were emitted.
        notes: what else there is to say, a line each.
    """
    times = f"emitted {_times(matching)}" if matching else "never emitted"
    wanted = "" if count is None else f" (expected: {_times(count)})"
    lines = [f"Event {expectation} was {times}{wanted}."]
    return _text(lines if matching else [*lines, *_nearest(expectation, events)], events, notes)


def emitted_nonetheless(what: str, events: Events, notes: Iterable[str]) -> str:
    """Why `assert_not_emitted` and `assert_nothing_emitted` fail."""
    return _text([f"{what} was emitted."], events, notes)


def not_lost(type: str, reason: str | None, events: Events, notes: Iterable[str]) -> str:
    """Why `assert_lost` fails."""
    why = "" if reason is None else f" for the reason {reason!r}"
    return _text([f"No event {type!r} was lost{why}."], events, notes)


def lost(losses: Sequence[Loss]) -> list[str]:
    """What came to nothing, a line for each kind."""
    kinds = Counter((each.type, each.reason, each.explanation) for each in losses)
    lines = [f"Lost: {count} {type_!r} ({reason}). {why}" for (type_, reason, why), count in kinds.items()]
    return _shortened(lines, "more kinds")


def too_few(topic: str, count: int, timeout: float, events: Events) -> str:
    """Why reading a topic fails."""
    there = [f"They are ({len(events)}):", *_listed(events)] if events else []
    return "\n".join([f"Within {timeout:g} s topic {topic!r} had {len(events)} of {count} events.", *there])


def mistakes(losses: Sequence[Loss]) -> str:
    """Why a capture fails at its end."""
    lines = [f"    {each.type!r} ({each.reason}): {each.explanation}" for each in losses]
    told = (
        "Outside strict mode nothing raises for that, it is only counted and logged. Correct them, or say before the end "
        "of the capture that the test means it: assert_lost(type)."
    )
    return "\n".join([f"Events that can't be made ({len(losses)}):", *_shortened(lines), told])


def _text(lines: list[str], events: Events, notes: Iterable[str]) -> str:
    emitted = (
        [f"Emitted, in this order ({len(events)}):", *_listed(events)] if events else ["Nothing was emitted."]
    )
    return "\n".join([*lines, *emitted, *notes])


def _nearest(expectation: Expectation, events: Events) -> list[str]:
    ranked = []
    for number, (event, record) in enumerate(events):
        differs = expectation.differs(event, record)
        is_other = any(each.place == "type" for each in differs)  # what is expected may be a matcher
        likeness = SequenceMatcher(None, event.type, str(expectation.type)).ratio() if is_other else 1.0
        ranked.append((-likeness, len(differs), number, differs))
    if not ranked:
        return []
    _, _, number, differs = min(ranked, key=lambda each: each[:3])
    return [f"The nearest is event {number + 1}, {events[number][0].type!r}:", *_told(differs)]


def _told(differs: list[Difference]) -> list[str]:
    return _shortened([f"    {_cut(str(each), 2 * LONGEST)}" for each in differs], "more differences")


def _listed(events: Events) -> list[str]:
    width = max(len(event.type) for event, _ in events[:MOST])
    lines = [
        f"    {number}. {event.type:<{width}}  {'no key' if event.key is None else f'key {event.key!r}'}  "
        f"to {event.topic}  {_data(event)}"
        for number, (event, _) in enumerate(events, 1)
    ]
    return _shortened(lines)


def _shortened(lines: list[str], rest: str = "more") -> list[str]:
    return [*lines[:MOST], f"    and {len(lines) - MOST} {rest}"] if len(lines) > MOST else lines


def _data(event: Event) -> str:
    return "no data" if event.data is None else _cut(event.data.decode(), LONGEST)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
