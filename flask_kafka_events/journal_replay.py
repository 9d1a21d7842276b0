"""Sends what dead processes left, for a person who waits for it."""

import time
from collections.abc import Iterator

import click
from flask import current_app

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.extension import KafkaEvents
from flask_kafka_events.journal.directory import JournalDirectory
from flask_kafka_events.journal.inventory import holdings
from flask_kafka_events.ledger import Stats
from flask_kafka_events.terminal import progress, told


def check_can_send() -> None:
    """Make sure that the app at hand sends events at all.

    Raises:
        click.ClickException: it names no broker, or is switched off.
    """
    pipeline = pipeline_of(current_app)
    with told():
        pipeline.check_configured()
    if not pipeline.settings.enabled:
        raise click.ClickException(
            f"App {pipeline.host.name!r} sends nothing, for KAFKA_EVENTS_ENABLED is False; nothing was changed. Set it to "
            f"True for this command."
        )


def replay_left(directory: JournalDirectory, wait: float) -> None:
    """Send all that no living process has, and tell what became of it; Ctrl-C leaves the rest where it is.

    Args:
        directory: where it is.
        wait: seconds without an acknowledgement after which it gives up.

    Raises:
        click.ClickException: some of it still waits, was refused, or can't be read.
    """
    events, interruption, total = KafkaEvents(), "", _waiting(directory)
    try:
        if not pipeline_of(current_app).process.adopt():
            _tell_nothing(directory)
            return
        pipeline_of(current_app).process.start()
        _until_sent(events, wait, total)
    except KeyboardInterrupt:
        interruption = (
            f"Interrupted: what wasn't sent still waits in {directory.path}. Replay again, or leave it to the app's next "
            f"process."
        )
    finally:
        events.close(0)
    stats = events.stats()
    click.echo(f"Sent {stats.delivered} event(s).")
    troubles = [*_refusals(directory, stats), interruption or _unanswered(directory, stats, wait)]
    if any(troubles):
        raise click.ClickException("\n".join(filter(None, troubles)))


def _until_sent(events: KafkaEvents, wait: float, total: int) -> None:
    process = pipeline_of(current_app).process
    done, deadline = 0, time.monotonic() + wait
    with progress("Sending", total) as bar:
        while time.monotonic() < deadline:
            # Asked first: what is taken over behind the answer is pending.
            is_partial = process.may_adopt_more()
            is_over = events.flush(0.1) and not is_partial
            stats = events.stats()
            if stats.adopted - stats.pending > done:
                bar.update(stats.adopted - stats.pending - done)
                done, deadline = stats.adopted - stats.pending, time.monotonic() + wait
            if is_over:
                return


def _waiting(directory: JournalDirectory) -> int:
    """How many events no living process has, as far as they can be counted."""
    with told():
        return sum(each.waiting for each in holdings(directory) if each.state == "left")


def _tell_nothing(directory: JournalDirectory) -> None:
    with told():
        found = list(holdings(directory))
    used = sum(each.state == "in use" for each in found)
    click.echo(f"Nothing waits in {directory.path} that no living process has ({used} in use).", err=True)
    unreadable = sum(bool(each.trouble) for each in found)
    if unreadable:
        raise click.ClickException(
            f"{unreadable} file(s) can't be read: `flask kafka-events journal ls` says why."
        )


def _refusals(directory: JournalDirectory, stats: Stats) -> Iterator[str]:
    if stats.dead:
        yield (
            f"{stats.dead} event(s) were refused and are dead letters in {directory.path} now: "
            f"`flask kafka-events journal dead ls` says why."
        )
    if stats.failed:
        yield (
            f"{stats.failed} event(s) were refused and are lost ({', '.join(stats.failed_by_reason)}): dead letters have "
            f"reached KAFKA_EVENTS_JOURNAL_MAX_BYTES. Raise it before you replay again."
        )


def _unanswered(directory: JournalDirectory, stats: Stats, wait: float) -> str:
    if not stats.pending:
        return ""
    # More than are pending here: files that it didn't get to.
    waiting = max(stats.pending, _waiting(directory))
    return (
        f"{waiting} event(s) still wait in {directory.path}: the broker acknowledged nothing for {wait:g} s. "
        f"Check that it is running and reachable, then replay again."
    )
