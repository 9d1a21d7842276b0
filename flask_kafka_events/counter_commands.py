"""`flask kafka-events stats`: the counters of all processes of the app on this machine."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.counting.layout import total
from flask_kafka_events.counting.place import Place, place_of
from flask_kafka_events.counting.reading import ProcessCounters, Unreadable, read_counters
from flask_kafka_events.counting.writing import HEARTBEAT
from flask_kafka_events.ledger import LEFT_OUT, Stats
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import age, bold, echo_table, json_option, seconds_since, told


@click.command("stats")
@json_option
@with_appcontext
def stats(*, as_json: bool) -> None:
    """Print what became of the events of the app's processes on this machine.

    The sum, and a line for each process: those that run, and the last ones that ended. Each process writes its figures
    once a second.
    """
    with told():
        place = _place_at_hand()
        found = list(read_counters(place))
    known = [each for each in found if isinstance(each, ProcessCounters)]
    unreadable = [each for each in found if isinstance(each, Unreadable)]
    for each in unreadable:
        click.echo(printable(f"{each.path}: {each.why} It was left out."), err=True)
    if not known:
        click.echo(f"No process has written its counters to {printable(str(place.folder))}.", err=True)
    if as_json:
        _echo_as_json(place, known, unreadable)
    elif known:
        _echo(known)


def _place_at_hand() -> Place:
    pipeline = pipeline_of(current_app)
    settings, name = pipeline.settings, pipeline.host.name
    if settings.journal is None and settings.bootstrap_servers != EMBEDDED:
        raise click.ClickException(
            f"The processes of app {name!r} keep no counters on disk: it has neither a journal nor the embedded broker. Set "
            f"KAFKA_EVENTS_JOURNAL, or ask each process itself: events.stats(), or a page with it."
        )
    return place_of(settings, name, pipeline.host.instance)


def _echo(known: list[ProcessCounters]) -> None:
    sum_ = total(each.counters.stats for each in known)
    echo_table([[bold(f"sum of {len(known)}"), "", *_law(sum_), ""], *map(_row, known)])
    for line in _notes(sum_, known):
        click.echo(printable(line))


def _row(process: ProcessCounters) -> list[str]:
    counters = process.counters
    who = bold(f"{counters.pid}@{counters.host}")
    return [who, process.state, *_law(counters.stats), f"{age(counters.written)} old"]


def _law(stats: Stats) -> list[str]:
    """The conservation law, with this ledger's figures."""
    return [
        f"{stats.emitted} emitted",
        f"+ {stats.adopted} adopted",
        f"= {stats.delivered} delivered",
        f"+ {stats.failed} failed",
        f"+ {stats.dropped} dropped",
        f"+ {stats.dead} dead",
        f"+ {stats.pending} pending",
    ]


def _notes(sum_: Stats, known: list[ProcessCounters]) -> Iterator[str]:
    for name, by_reason in (("failed", sum_.failed_by_reason), ("dropped", sum_.dropped_by_reason)):
        if by_reason:
            yield f"{name}: {', '.join(f'{count} {reason}' for reason, count in sorted(by_reason.items()))}"
    apart = {name: value for name, value in _apart(sum_).items() if value}
    if apart:
        yield f"apart: {', '.join(f'{value} {name}' for name, value in apart.items())}"
    if left := sum(each.counters.stats.pending for each in known if each.state != "running"):
        yield (
            f"{left} pending of processes that are closed or were killed: with a journal the next process sends them, and counts them as "
            f"adopted; without one they are lost."
        )
    for each in known:
        if each.state == "running" and _seconds_behind(each) > 0:
            yield f"{each.counters.pid}@{each.counters.host} is late with its figures: it is stopped, stuck or very busy."


def _apart(stats: Stats) -> dict[str, int]:
    return {name: getattr(stats, name) for name in (*LEFT_OUT, "receiver_errors")}


def _seconds_behind(process: ProcessCounters) -> float:
    return seconds_since(process.counters.written) - 2 * HEARTBEAT


def _echo_as_json(place: Place, known: list[ProcessCounters], unreadable: list[Unreadable]) -> None:
    document = {
        "directory": str(place.folder),
        "sum": _as_json(total(each.counters.stats for each in known)),
        "processes": [_process_as_json(each) for each in known],
        "unreadable": [{"file": each.path.name, "why": each.why} for each in unreadable],
    }
    click.echo(json.dumps(document))


def _process_as_json(process: ProcessCounters) -> dict[str, Any]:
    counters = process.counters
    return {
        "pid": counters.pid,
        "host": counters.host,
        "boot": counters.boot,
        "state": process.state,
        "started": _moment(counters.started),
        "written": _moment(counters.written),
        "seconds_old": round(seconds_since(counters.written), 1),
        **_as_json(counters.stats),
    }


def _as_json(stats: Stats) -> dict[str, Any]:
    return {**stats.as_dict(), "failed": stats.failed, "dropped": stats.dropped}


def _moment(moment: datetime) -> str:
    return moment.isoformat()
