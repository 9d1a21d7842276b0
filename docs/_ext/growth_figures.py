"""What a million events a second would take, reckoned from the last full run of the benchmarks."""

from datetime import datetime, timezone
from math import ceil
from typing import Final

from benchmarks.sheets import Report
from docs._ext.project_file import ROOT
from flask_kafka_events.event import Event, new_id
from flask_kafka_events.formats import cloudevents, plain

FIGURES: Final = ROOT / "docs" / "explanation" / "performance.json"
WANTED: Final = 1_000_000
LINGER_SECONDS: Final = 0.005
REPLICAS: Final = 3


def measured() -> str:
    """The figures that the reckoning stands on, as a table."""
    report = Report.load(FIGURES)
    served, drained = report.sheets["served, requests/s"], report.sheets["end to end"]
    rows = [
        ("requests/s of a gunicorn worker, one event each", f"{served.median('decorated'):,.0f}"),
        ("the same with the journal", f"{served.median('journal'):,.0f}"),
        ("the same without an event", f"{served.median('no event'):,.0f}"),
        ("µs of processor that an event adds to a request, all threads", f"{added(report):.0f}"),
        ("events/s of one process outside requests, acknowledged", f"{drained.median('decorated'):,.0f}"),
        ("events/s of a bare confluent producer, acknowledged", f"{drained.median('confluent'):,.0f}"),
        ("bytes of a purchase's record, `cloudevents`", f"{size(cloudevents.to_record(purchase())):,}"),
        ("bytes of a purchase's record, `plain`", f"{size(plain.to_record(purchase())):,}"),
    ]
    return _table(("median of the last full run", ""), rows)
