"""The README's page of use, as a reader types it."""

import inspect
import os
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from flask import Flask

from flask_kafka_events import (
    ConfigurationError,
    Delivery,
    DeliveryFailed,
    Loss,
    NoCurrentEvent,
    Record,
    current_event,
    emit_event,
    event_delivered,
    event_dropped,
    event_failed,
)
from flask_kafka_events.embedded import join
from flask_kafka_events.settings import Settings, read_settings
from tests.faults.stage import ALL_ROWS
from tests.processes import wait_until
from tests.sending import shop
from tests.servers.serving import ROOT, serving
from tests.unit.test_journaling import files, journaling, resume

README = ROOT / "README.md"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder with the page of use in `shop.py`, and the environment that the README exports."""
    page = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert page is not None
    (tmp_path / "shop.py").write_text(page[1])
    exported = re.search(r"^export (.*)$", README.read_text(), re.MULTILINE)
    assert exported is not None
    return dict(pair.split("=") for pair in exported[1].split())


def test_page_of_use_works_as_it_stands(tmp_path: Path, environment: dict[str, str]) -> None:
    """Its app runs under `flask run` on the embedded broker, and `tail` prints the event of one request."""
    command = ("flask", "--app", "shop", "run", "-p", "PORT")
    with serving("", tmp_path, *command, **environment) as server:
        assert server.get("/purchase_a_sword", "POST") == "\nSword Purchased!\n"
        tail = [sys.executable, "-m", "flask", "--app", "shop", "kafka-events", "tail", "shop_events", "-e"]
        printed: list[str] = []

        def has_printed() -> bool:
            done = subprocess.run(
                tail, cwd=tmp_path, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE, text=True, check=True, timeout=30,
            )  # fmt: skip
            printed.append(done.stdout)
            return done.stdout != ""

        wait_until(has_printed, "the event is there: a reader takes longer to type the line", seconds=30)
        assert server.end(signal.SIGTERM) == -signal.SIGTERM
    assert printed[-1].endswith('  purchased_sword  ana  {"player":"ana","color":"red","price":12}\n')


def test_journal_is_made_where_it_says(tmp_path: Path) -> None:
    """At the first event the directory is there with those above it, and in it one of the app's own, for its user."""
    named = re.search(r"^export FLASK_KAFKA_EVENTS_JOURNAL=(/.*)$", README.read_text(), re.MULTILINE)
    assert named is not None
    assert f"`{named[1]}/shop`" in README.read_text()
    folder = tmp_path / named[1].lstrip("/")
    with journaling(folder, answers=False) as held:
        assert list(tmp_path.iterdir()) == []
        held.mine.emit("sold")
        assert {each.name for each in folder.iterdir()} - {"shop.counters"} == {"shop"}
        assert (folder / "shop").stat().st_mode & 0o777 == 0o700
    assert len(files(folder)) == 1


def test_an_event_that_cannot_be_written_waits_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the journal's directory can't be made the event is sent all the same, and the log says so."""
    says("Where the file can't be written just now (the disk is full, for example), an event waits in memory")
    (tmp_path / "file").touch()
    with journaling(tmp_path / "file", answers=False) as held:
        held.mine.emit("sold")
        assert held.mine.stats().pending == 1
        assert "Journal directory" in caplog.text
        resume(held)
        assert held.types() == ["sold"]


def test_unknown_topics_events_end_as_it_says(tmp_path: Path) -> None:
    """With the journal they are dead letters, without one failed."""
    says("then they are dead letters, or `failed` without a journal")
    unknown = KafkaError(KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001 - a public name
    with journaling(tmp_path, answer=unknown) as held:
        held.mine.emit("sold")
        wait_until(lambda: held.mine.stats().dead == 1, "it is a dead letter")
    with shop(testing=False) as here:
        here.mine.start()
        wait_until(lambda: bool(here.producers), "it is built")
        here.producers[0].error = unknown
        here.mine.emit("sold")
        wait_until(lambda: here.mine.stats().failed_by_reason == {"_UNKNOWN_TOPIC": 1}, "it has failed")


def test_receivers_get_what_it_says() -> None:
    """Each argument of the ends' signals, and each attribute that is named, is there."""
    says(
        "a receiver gets the app, and `record` and `delivery` of the first, `loss` of the others, with its `reason`, "
        "`type`, `id` and `explanation`"
    )
    told: list[tuple[object, ...]] = []

    def delivered(app: Flask, record: Record, delivery: Delivery) -> None:
        told.append((app, record.type, delivery.offset))

    def lost(app: Flask, loss: Loss) -> None:
        told.append(
            (app, loss.reason, loss.type, loss.id, "NaN" in loss.explanation or "closed" in loss.explanation)
        )

    with (
        shop(testing=False) as here,
        event_delivered.connected_to(delivered, sender=here.app),
        event_failed.connected_to(lost, sender=here.app),
        event_dropped.connected_to(lost, sender=here.app),
    ):
        here.mine.emit("sold", wait=5)
        here.mine.emit("spoilt", float("nan"))
        here.mine.close()
        with pytest.raises(DeliveryFailed):
            here.mine.emit("late", wait=0)
        stats = here.mine.stats()
    assert told[:2] == [(here.app, "sold", 0), (here.app, "encoding", "spoilt", None, True)]
    assert told[2][:3] == (here.app, "closed", "late")
    assert (stats.failed_by_reason, stats.dropped_by_reason) == ({"encoding": 1}, {"closed": 1})


def test_what_raises_in_production_too_is_what_it_says() -> None:
    """A mistake in what is waited for, and current_event after the function's return."""
    says("`emit(wait=2)` raises `DeliveryFailed` for a mistake")
    says("`current_event` raises `NoCurrentEvent`, in production too, where no decorated function is running")
    with shop(testing=False) as here, here.app.app_context():
        with pytest.raises(DeliveryFailed):
            here.mine.emit("sold", {"price": float("nan")}, wait=2)
        emit_event("sold")(lambda: current_event.update(price=float("nan")))()
        with pytest.raises(NoCurrentEvent):
            current_event.update(price=1)
        assert here.mine.stats().failed_by_reason == {"encoding": 2}


def test_embedded_broker_lingers_as_it_says() -> None:
    """It ends so long after its last user."""
    said = re.search(r"It\s+ends about (\d+) s after its last user", README.read_text())
    assert said is not None
    assert inspect.signature(join).parameters["linger"].default == float(said[1])


@pytest.mark.parametrize(
    ("has_handler", "answer"), [(False, 500), (True, (503, "Nothing was sold. Try again later."))]
)
def test_full_queue_is_answered_as_it_says(has_handler: bool, answer: object) -> None:
    """Under ON_FULL="raise" the view doesn't run and the client gets a 500; with the example's handler its answer."""
    example = re.search(
        r"```python\n(from flask_kafka_events import QueueFull\n.*?)```", README.read_text(), re.DOTALL
    )
    assert example is not None
    ran: list[str] = []
    with shop(testing=False, ON_FULL="raise", QUEUE_EVENTS=2) as here:

        @here.app.get("/")
        @emit_event("sold")
        def sell() -> str:
            ran.append("sold")
            return "fine"

        if has_handler:
            exec(example[1], {"app": here.app})  # noqa: S102 - the README's own
        here.mine.start()
        wait_until(lambda: bool(here.producers), "it is built")
        here.producers[0].answers = False
        client = here.app.test_client()
        assert client.get("/").status_code == 200
        refused = client.get("/")
        assert answer in (refused.status_code, (refused.status_code, refused.text))
        assert ran == ["sold"]


def test_functions_among_the_settings_are_those_it_names() -> None:
    """Every other one can come from the environment."""
    said = re.search(
        r"but for those that are\s+functions: (.*?) are set in Python", README.read_text(), re.DOTALL
    )
    assert said is not None
    refused = set()
    for each in fields(Settings):
        try:
            read_settings({f"KAFKA_EVENTS_{each.name.upper()}": "x"}, "shop")
        except ConfigurationError as error:
            if "It can't come from the environment" in str(error):
                refused.add(each.name.upper())
    assert set(re.findall(r"`(\w+)`", said[1])) == refused


def says(text: str) -> None:
    """Make sure that the README does, however its lines are broken."""
    assert text in " ".join(README.read_text().split())


def test_every_setting_is_in_the_table() -> None:
    """No setting is missing from the README, and none is in there that isn't one."""
    table = README.read_text().partition("## Settings")[2].partition("## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert named == {field.name.upper() for field in fields(Settings)}


def test_every_promise_names_its_test() -> None:
    """Each file, test and row of the fault table that stands under the guarantee table is there."""
    section = README.read_text().partition("## Where it can be lost")[2].partition("At least once,")[0]
    text = " ".join(section.split())
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?`", section)
    notes = set(re.findall(r"^(\d)\. ", section, re.MULTILINE))
    assert set(re.findall(r"\[(\d)\]", section)) == notes
    for file, test in named:
        assert f"def {test or 'test_'}" in (ROOT / file).read_text(), (file, test)
    rows = re.findall(r"rows? (`[^`]+`(?:(?:,| and) `[^`]+`)*)", text)
    names = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert names <= {row.name for row in ALL_ROWS}
    assert len(named) > 5
    assert len(names) > 4
