"""The page about OpenTelemetry, as a reader uses it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import traced
from flask_kafka_events.contrib.opentelemetry.open_spans import MAX_OPEN
from flask_kafka_events.embedded import join
from tests.servers.serving import ROOT
from tests.tracing import Spans, attributes
from tests.tracing import traced as traced_shop
from tests.unit.test_opentelemetry import refuse

PAGE = ROOT / "docs" / "how-to" / "opentelemetry.md"

# The page's app is asked once, and its consumer gets the record; what is printed last are the two trace ids.
READER = """
import confluent_kafka, json, sys
app = create_app()
with app.test_client() as client:
    assert client.post("/purchase_a_sword").text == "\\nSword Purchased!\\n"
mine = events.for_app(app)
assert mine.flush(20)
mine.close()
consumer = confluent_kafka.Consumer({"bootstrap.servers": sys.argv[1], "group.id": "billing", "log_level": 0})
consumer.assign([confluent_kafka.TopicPartition("shop_events", 0, confluent_kafka.OFFSET_BEGINNING)])
(message,) = consumer.consume(1, timeout=20)
consumer.close()
sys.stderr.write(handle(message))
"""


def python_blocks() -> list[str]:
    """The page's Python, in order."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def printed_spans(text: str) -> list[dict[str, Any]]:
    """What the console's exporter printed, one JSON object after the other."""
    decoder, spans = json.JSONDecoder(), []
    while text := text.strip():
        span, end = decoder.raw_decode(text)
        spans.append(span)
        text = text[end:]
    return spans


def test_its_app_and_its_consumer_share_a_trace(tmp_path: Path) -> None:
    """Typed as it stands, the app prints the request's span and its event's, and the consumer's trace is the same."""
    (tmp_path / "reader.py").write_text("\n".join([*python_blocks(), READER]))
    with join(tmp_path / "broker", linger=0.3) as broker:
        done = subprocess.run(
            [sys.executable, "-W", "error", "reader.py", broker.address],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FLASK_KAFKA_EVENTS_TOPIC": "shop_events",
                 "FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": broker.address},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_name = {span["name"]: span for span in printed_spans(done.stdout)}
    request, event = by_name["POST /purchase_a_sword"], by_name["send shop_events"]
    assert by_name.keys() == {request["name"], event["name"], "process shop_events"}
    assert event["parent_id"] == request["context"]["span_id"]
    assert event["attributes"]["messaging.kafka.message.key"] == "ana"
    assert by_name["process shop_events"]["parent_id"] == event["context"]["span_id"]
    assert {span["context"]["trace_id"] for span in by_name.values()} == {f"0x{done.stderr}"}


def test_its_table_has_every_attribute() -> None:
    """All that a span may carry is named there, and nothing else."""
    table = PAGE.read_text().partition("| attribute |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}
    spans = Spans()
    with traced_shop(spans) as held:
        held.mine.emit("sold", key="ana", wait=5)
        refuse(held)
    assert named == {name for span in spans.all() for name in attributes(span)}


@pytest.mark.parametrize(
    "row",
    re.findall(r"^\| ((?:no )?event[^|]*?) \| \d+ \| \d+ \|$", PAGE.read_text(), re.MULTILINE),
)
def test_its_figures_are_those_of_the_command(row: str) -> None:
    """Each row is one that the command below the table prints."""
    assert row in traced.VARIANTS
    assert "python -m benchmarks.traced" in PAGE.read_text()


def test_its_limit_is_the_one_that_holds() -> None:
    """So many spans wait at most."""
    assert f"one of more than {MAX_OPEN:,} that wait" in PAGE.read_text()
