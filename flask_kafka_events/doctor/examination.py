"""The whole examination: the app, then its broker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from flask import Flask

from flask_kafka_events.apps import pipeline_of
from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.delivery.topics import broker_of
from flask_kafka_events.doctor import (
    broker_checks,
    journal_checks,
    loading,
    process_checks,
    route_checks,
    security_checks,
    setting_checks,
    topic_checks,
)
from flask_kafka_events.doctor.cluster import NoAnswer, read_cluster
from flask_kafka_events.doctor.finding import SEVERITIES, Check, Finding, Severity
from flask_kafka_events.doctor.process_checks import kafka_clients, memory_bytes
from flask_kafka_events.doctor.routes import Route, RouteEvent, decorated_routes, sent_events
from flask_kafka_events.doctor.serving import Serving
from flask_kafka_events.errors import KafkaEventsError
from flask_kafka_events.journal.directory import directory_of
from flask_kafka_events.masking import scrub
from flask_kafka_events.pipeline import Pipeline

#: Every check, by the part that it looks at.
CHECKS: Final[Mapping[str, tuple[Check, ...]]] = {
    "The app": loading.CHECKS,
    "Routes and their events": route_checks.CHECKS,
    "Settings": setting_checks.CHECKS,
    "Security": security_checks.CHECKS,
    "Processes": process_checks.CHECKS,
    "The journal": journal_checks.CHECKS,
    "The broker": broker_checks.CHECKS,
    "Topics": topic_checks.CHECKS,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What an examination came to.

    Attributes:
        app: the app's name; empty where it can't be made.
        broker_asked: whether the broker was looked at.
        routes: those with events.
        findings: what is wrong, the worst first.
    """

    app: str
    broker_asked: bool
    routes: tuple[Route, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """How many findings of this severity there are."""
        return sum(finding.severity == severity for finding in self.findings)


def examine(make: Callable[[], Flask], serving: Serving, *, patience: float | None) -> Report:
    """Make an app and look at it.

    Args:
        make: makes it, or gives it.
        serving: what is known of the server.
        patience: seconds that the broker has for an answer; None asks it nothing.
    """
    clients = kafka_clients()
    app = loading.load(make)
    if isinstance(app, Finding):
        return Report(app="", broker_asked=False, routes=(), findings=(app,))
    early = len(kafka_clients() - clients)
    routes = decorated_routes(app, pipeline_of(app).settings)
    findings = [*_of_the_app(app, routes, serving, early)]
    settings = pipeline_of(app).settings
    # With a producer that can't be built a second finding, about the broker, would hide the first.
    has_way = security_checks.PRODUCER.name not in {finding.check for finding in findings}
    asks = has_way and settings.enabled and settings.bootstrap_servers is not None and patience is not None
    if asks:
        findings += _of_the_broker(pipeline_of(app), routes, cast("float", patience))
    secrets = settings.producer.secret_values()
    return Report(
        app=app.name,
        broker_asked=asks,
        routes=routes,
        findings=tuple(
            sorted(
                (_without(secrets, finding) for finding in findings),
                key=lambda finding: SEVERITIES.index(finding.severity),
            )
        ),
    )


def _of_the_app(app: Flask, routes: Sequence[Route], serving: Serving, early: int) -> Iterator[Finding]:
    pipeline = pipeline_of(app)
    settings = pipeline.settings
    yield from route_checks.check_routes(app, settings, routes)
    yield from setting_checks.check_settings(app, settings, serving)
    yield from security_checks.check_security(settings, pipeline.factory)
    emitted = pipeline.process.ledger.read().emitted
    yield from process_checks.check_process(
        settings, serving, early_clients=early, early_events=emitted, memory=memory_bytes()
    )
    directory = directory_of(settings, pipeline.host.name, pipeline.host.log)
    if directory is not None:
        yield from journal_checks.check_journal(directory, settings, serving)


def _of_the_broker(pipeline: Pipeline, routes: Sequence[Route], patience: float) -> Iterator[Finding]:
    settings = pipeline.settings
    sent = sent_events(routes, settings)
    ruled = {rule.topic for _, rule in settings.types.rules if rule.enabled}
    names = {event.topic for event in sent} | ruled | {settings.topic}
    if settings.bootstrap_servers == EMBEDDED:  # it makes a topic at its first event
        names = set()
    try:
        with broker_of(settings, pipeline.host.instance) as broker:
            try:
                asked = replace(broker, patience=patience)
                cluster = read_cluster(asked, [name for name in names if name is not None])
            except NoAnswer as refused:
                yield _without(broker.secrets, broker_checks.no_answer(refused))
                return
    except KafkaEventsError as error:
        yield broker_checks.not_asked(error)
        return
    yield from broker_checks.check_cluster(cluster)
    yield from topic_checks.check_topics(cluster, settings, _keyless(sent))


def _keyless(events: Sequence[RouteEvent]) -> dict[str, str]:
    return {event.topic: event.type for event in events if event.key is None and event.topic is not None}


def _without(secrets: Sequence[str], finding: Finding) -> Finding:
    return replace(
        finding, problem=scrub(finding.problem, secrets), next_step=scrub(finding.next_step, secrets)
    )
