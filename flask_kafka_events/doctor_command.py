"""`flask kafka-events doctor`: what is wrong, and what to do about it."""

import os

import click
from flask.cli import ScriptInfo, pass_script_info

from flask_kafka_events.doctor.examination import examine
from flask_kafka_events.doctor.serving import read_serving
from flask_kafka_events.doctor_listing import echo_report, echo_report_as_json
from flask_kafka_events.terminal import AnswerSeconds, json_option


# Not one of AppGroup's own, which has the app made before it begins: an app that can't be made is a finding here.
@click.command()
@click.option("--offline", is_flag=True, help="Don't ask the broker.")
@click.option(
    "--workers",
    type=click.IntRange(1, 999_999_999),
    help="How many processes serve the app; without it as WEB_CONCURRENCY or GUNICORN_CMD_ARGS say, else 1.",
)
@click.option("--strict", is_flag=True, help="Warnings are status 1, too.")
@json_option
@click.option(
    "--wait",
    type=AnswerSeconds(),
    default=5.0,
    show_default=True,
    help="Seconds that the broker has for each answer.",
)
@pass_script_info
def doctor(
    info: ScriptInfo, *, offline: bool, workers: int | None, strict: bool, as_json: bool, wait: float
) -> None:
    """Say what is wrong with the app's events, and what to do about it.

    Reads the app, its settings and its journal, and asks the broker; changes and emits nothing. The status is 1 where an
    error is found.
    """
    serving = read_serving(os.environ, workers)
    report = examine(info.load_app, serving, patience=None if offline else wait)
    (echo_report_as_json if as_json else echo_report)(report)
    if report.count("error") or (strict and report.count("warning")):
        click.get_current_context().exit(1)
