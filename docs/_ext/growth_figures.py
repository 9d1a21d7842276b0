"""What a million events a second would take, reckoned from the last full run of the benchmarks."""

from datetime import datetime, timezone
from math import ceil
from typing import Final

import msgspec

from benchmarks.sheets import Report
from docs._ext.project_file import ROOT
from examples.game_api import create_app
from flask_kafka_events.event import Event
from flask_kafka_events.formats import cloudevents, plain
from flask_kafka_events.testing import capture_events

FIGURES: Final = ROOT / "docs" / "explanation" / "performance.json"
WANTED: Final = 1_000_000
REPLICAS: Final = 3
PARTITIONS: Final = (60, 120)
LINGERS: Final = (5, 100, 1000)


def measured() -> str:
    """What the reckoning stands on, as a table."""
    report, event = Report.load(FIGURES), purchase()
    served, drained = report.sheets["served, requests/s"], report.sheets["end to end"]
    rows = [
        ("requests/s of one gunicorn worker, without an event", f"{served.median('no event'):,.0f}"),
        ("the same, one event in each", f"{served.median('decorated'):,.0f}"),
        ("the same, with the journal", f"{served.median('journal'):,.0f}"),
        ("µs of processor that an event adds to a request, all threads", f"{added(report):.0f}"),
        ("events/s that one process emits in a loop, acknowledged", f"{drained.median('decorated'):,.0f}"),
        ("bytes of a purchase in the format `cloudevents`", f"{cloudevents.to_record(event).size:,}"),
        ("bytes of a purchase in the format `plain`", f"{plain.to_record(event).size:,}"),
    ]
    return _table("measured", rows)


def reckoned() -> str:
    """A million events a second, as a table."""
    report = Report.load(FIGURES)
    served, drained = report.sheets["served, requests/s"], report.sheets["end to end"]
    workers = ceil(WANTED / served.median("decorated"))
    megabytes = WANTED * cloudevents.to_record(purchase()).size / 1e6
    rows = [
        ("gunicorn workers, one event a request", f"{workers:,}"),
        ("the same, with the journal", f"{ceil(WANTED / served.median('journal')):,}"),
        (
            "workers that would serve those requests without events",
            f"{ceil(WANTED / served.median('no event')):,}",
        ),
        ("cores that the events alone take", f"{ceil(WANTED * added(report) / 1e6):,}"),
        ("processes that emit in a loop", f"{ceil(WANTED / drained.median('decorated')):,}"),
        ("MB/s into the brokers, before compression", f"{megabytes:,.0f}"),
        (f"MB/s onto their disks, {REPLICAS} replicas", f"{REPLICAS * megabytes:,.0f}"),
        *(
            (
                f"produce requests/s at {partitions} partitions and `linger.ms` {linger}",
                f"{requests(report, partitions, linger):,.0f}",
            )
            for partitions in PARTITIONS
            for linger in LINGERS
        ),
    ]
    return _table("for a million events a second", rows)


def added(report: Report) -> float:
    """µs of processor that an event adds to a request, by the process's clock."""
    return report.sheets["a request, process"].added("decorated", "no event")


def requests(report: Report, partitions: int, linger: int) -> float:
    """Produce requests a second, if gunicorn's workers emit a million events a second.

    librdkafka puts one partition into a request, and waits `linger` ms after the first event of one for more.
    """
    each_worker = report.sheets["served, requests/s"].median("decorated")
    return WANTED / (1 + each_worker * linger / 1000 / partitions)


def purchase() -> Event:
    """A purchase as the game emits it, but of a moment and a duration that are the same at every build."""
    app = create_app()
    app.config["TESTING"] = True
    with capture_events(app) as captured:
        app.test_client().get("/purchase_a_sword?player=player-17")
    event = captured[0].event
    moment = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=timezone.utc)
    return msgspec.structs.replace(event, time=moment, attributes={**event.attributes, "durationus": 150})


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {title} | |", "|---|---:|", *(f"| {what} | {figure} |" for what, figure in rows)])
