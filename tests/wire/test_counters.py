"""The counters of an app on the embedded broker, and under gevent."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_kafka_events import AppEvents, KafkaEvents
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.counting.place import COUNTERS
from flask_kafka_events.embedded import Lease, join
from tests.processes import wait_until
from tests.wire.test_gevent import run


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An app on the embedded broker of its instance folder, which ends right after its last user."""
    instance = tmp_path / "instance"
    with join(instance, linger=0.3):
        made = Flask("shop", instance_path=str(instance))
        made.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS="embedded", KAFKA_EVENTS_TOPIC="known")
        yield made
    shutil.rmtree(instance)


def stats(app: Flask) -> dict[str, Any]:
    """What the command prints."""
    result = app.test_cli_runner().invoke(kafka_events, ["stats", "--json"])
    assert result.exit_code == 0, result.output
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


def test_counters_are_beside_the_embedded_brokers_file(app: Flask) -> None:
    """Of each app of that folder apart; they outlive the broker's last user."""
    events = KafkaEvents(app)
    mine: AppEvents = events.for_app(app)
    mine.emit("sold", wait=10)
    wait_until(lambda: stats(app)["sum"]["delivered"] == 1, "they are written")
    assert stats(app)["directory"] == str(Path(app.instance_path, "embedded-broker", f"shop{COUNTERS}"))
    assert [each["state"] for each in stats(app)["processes"]] == ["running"]
    assert mine.health().status == "ok"
    assert mine.close()
    assert [each["state"] for each in stats(app)["processes"]] == ["closed"]


def test_greenlets_counters_are_written_off_the_hub(broker: Lease) -> None:
    """Those of a process with a journal, while it runs and at its end."""
    ended = run(
        broker.address,
        "import tempfile\n"
        "from pathlib import Path\n"
        "from flask_kafka_events.counting.place import Place\n"
        "from flask_kafka_events.counting.reading import read_counters\n"
        "folder = tempfile.TemporaryDirectory()\n"
        "app = make_app(sys.argv[1], JOURNAL=folder.name)\n"
        "def figures():\n"
        "    found = read_counters(Place(next(Path(folder.name).glob('*.counters'))))\n"
        "    return [(each.state, each.counters.stats.delivered) for each in found]\n"
        "of(app).emit('sold', wait=10)\n"
        "with gevent.Timeout(10):\n"
        "    while not list(Path(folder.name).glob('*.counters')) or figures() != [('running', 1)]:\n"
        "        gevent.sleep(0.01)\n"
        "assert of(app).health().status == 'ok'\n"
        "of(app).emit('sold')\n"
        "assert of(app).close(5)\n"
        "assert figures() == [('closed', 2)], figures()\n",
    )
    assert ended.returncode == 0, ended.stderr
