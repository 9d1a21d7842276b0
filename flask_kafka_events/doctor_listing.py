"""What an examination came to, as a person or a program reads it."""

import json
from dataclasses import asdict
from typing import Final

import click

from flask_kafka_events.doctor.examination import Report
from flask_kafka_events.doctor.finding import SEVERITIES, Finding, Severity
from flask_kafka_events.doctor.routes import Route
from flask_kafka_events.printable import printable
from flask_kafka_events.terminal import bold, echo_table

_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}
_PLURALS: Final = {"error": "errors", "warning": "warnings", "note": "notes"}


def echo_report(report: Report) -> None:
    """Print the routes, then each finding, then the count."""
    if report.routes:
        echo_table([row for route in report.routes for row in _rows(route)])
        click.echo()
    for finding in report.findings:
        _echo_finding(finding)
    counts = [(report.count(severity), severity) for severity in SEVERITIES]
    found = ", ".join(_counted(count, severity) for count, severity in counts if count)
    asked = "" if report.broker_asked else " The broker was not asked."
    click.echo(f"{found.capitalize() or 'Nothing is wrong'}.{asked}")


def echo_report_as_json(report: Report) -> None:
    """Print one JSON object."""
    click.echo(
        json.dumps(
            {
                "app": report.app or None,
                "broker_asked": report.broker_asked,
                "routes": [
                    {
                        "endpoint": route.endpoint,
                        "rules": route.rules,
                        "methods": route.methods,
                        "is_called": route.is_called,
                        "events": [asdict(event) for event in route.events],
                    }
                    for route in report.routes
                ],
                "findings": [asdict(finding) for finding in report.findings],
                **{_PLURALS[severity]: report.count(severity) for severity in SEVERITIES},
            }
        )
    )


def _rows(route: Route) -> list[list[str]]:
    methods = ",".join(method for method in route.methods if method not in {"HEAD", "OPTIONS"})
    place = printable(f"{methods or ','.join(route.methods)} {' '.join(route.rules)}")
    return [
        [
            place,
            bold(event.type),
            f"on {event.on}",
            f"topic {event.topic or '-'}",
            f"key {printable(event.key or '-')}",
            "" if route.is_called else click.style("never called", fg="red"),
        ]
        for event in route.events
    ]


def _echo_finding(finding: Finding) -> None:
    severity = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=True)
    click.echo(f"{severity}  {finding.check}  {printable(finding.where)}")
    click.echo(f"  {printable(finding.problem)}")
    click.echo(f"  {click.style('->', dim=True)} {printable(finding.next_step)}")


def _counted(count: int, severity: Severity) -> str:
    return f"{count} {severity if count == 1 else _PLURALS[severity]}"
