"""`docs/how-to/watching.md`: its code runs, and what it says of codes, figures and objects is so."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from flask import Flask

from flask_kafka_events import health_blueprint
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.counting.writing import HEARTBEAT, KEPT
from flask_kafka_events.delivery.journaling import LASTING
from flask_kafka_events.delivery.vitals import FORGIVING, LATELY
from flask_kafka_events.health import CODES, FILLING, FULL, PATIENCE
from tests.processes import wait_until
from tests.sending import shop
from tests.servers.serving import ROOT
from tests.unit.test_counter_files import read
from tests.unit.test_health import Silent, complain
from tests.unit.test_journaling import journaling

PAGE = (ROOT / "docs" / "how-to" / "watching.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's code blocks of one language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is there once all of its Python was typed."""
    monkeypatch.setenv("FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    typed: dict[str, Any] = {}
    exec("\n".join(blocks("python")), typed)  # noqa: S102 - the page's own
    return typed


def test_its_python_runs(page: dict[str, Any]) -> None:
    """Each page that it makes answers as it says."""
    client = page["app"].test_client()
    assert client.get("/figures").json == {"pending": 0, "lost": 0, "status": "ok"}
    assert client.get("/health/kafka-events").json == {"status": "ok", "reasons": []}
    assert page["internal"].test_client().get("/internal/ready").status_code == 200
    page["events"].for_app(page["internal"]).close()
    assert page["internal"].test_client().get("/internal/ready").status_code == 503


def test_it_leaves_the_page_out_of_requests() -> None:
    """With the mapping that it shows; without it each probe would be an event."""
    shown = re.search(r"`(\{\"exclude\".*?\})`", PAGE)
    assert shown is not None
    for requests, emitted in ((True, 1), (json.loads(shown[1]), 0)):
        with shop(REQUESTS=requests) as here:
            here.app.register_blueprint(health_blueprint())
            here.app.test_client().get("/health/kafka-events")
            assert here.mine.stats().emitted == emitted


def test_its_example_of_an_answer_is_one() -> None:
    """Word for word."""
    with shop(make=Silent, patience=0.1) as here:
        here.mine.emit("sold")
        wait_until(lambda: bool(here.producers), "it is built")
        complain(here, KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001 - a public name
        assert here.mine.health().as_dict() == json.loads(blocks("json")[0])


def test_it_lists_every_code() -> None:
    """In their order, each with its status."""
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert listed == list(CODES.items())


def test_its_figures_are_the_codes_own() -> None:
    """Seconds, shares and numbers of files."""
    text = " ".join(PAGE.split())
    for said in (
        f"an event had no place in the last {FULL:.0f} s",
        f"now or within the last {LASTING:.0f} s",
        f"for {FORGIVING:.0f} s after the last such error",
        f"waited for more than {PATIENCE:.0f} s",
        f"more than {FILLING * 100:.0f} % of the queue",
        f"within the last {LATELY / 60:.0f} minutes",
        f"every {HEARTBEAT:.0f} s where they don't",
        f"The files of the last {KEPT} processes that ended are kept",
    ):
        assert said in text, said


def test_its_commands_print_such_lines_and_objects(tmp_path: Path) -> None:
    """Each line has the words of the page's own, and the object its fields in their order."""
    with journaling(tmp_path) as held:
        held.mine.emit("sold", wait=5)
        wait_until(lambda: read(tmp_path)[0].counters.stats.delivered == 1, "it is written")
        printed = [run(held.app, line) for line in blocks("sh")[0].splitlines()]
    (shown,) = blocks("text")
    assert words(printed[0].splitlines()[0]) == words(shown.splitlines()[0])
    assert words(printed[0].splitlines()[1]) == words(shown.splitlines()[3])
    example, answer = json.loads(blocks("json")[1]), json.loads(printed[1])
    assert list(answer) == list(example)
    assert list(answer["sum"]) == list(example["sum"])
    assert list(answer["processes"][0]) == list(example["processes"][0])


def run(app: Flask, line: str) -> str:
    """What a command of the page prints."""
    command, group, *arguments = shlex.split(line, comments=True)
    assert (command, group) == ("flask", "kafka-events")
    result = app.test_cli_runner().invoke(kafka_events, arguments)
    assert result.exit_code == 0
    return result.stdout


def words(line: str) -> list[str]:
    """A line without its numbers, names and spaces."""
    return re.sub(r"\S+@\S+|\d+", "", line).split()
