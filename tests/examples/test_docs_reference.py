"""What the reference is made of is complete, and what stands beside the code by hand is true of it."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime, timezone
from typing import Final

import click
import pytest

import flask_kafka_events
from docs._ext import command_reference, error_reference, layer_table, setting_reference, signal_reference
from docs._ext.generated import MARK, filled
from docs._ext.project_file import pyproject
from flask_kafka_events import errors, testing
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.ledger import JOURNAL_TAKEN
from flask_kafka_events.mistakes import _REASONS
from flask_kafka_events.settings import CAPTURE_NAMES, Settings
from tests.examples.pages import DOCS, ROOT
from tests.sending import shop

PACKAGE: Final = ROOT / "flask_kafka_events"
HOUSE: Final = DOCS / "explanation" / "the-house.md"


def test_every_setting_has_its_section() -> None:
    """Type and default of each setting stand there, and the unit of each that has one."""
    text = setting_reference.markdown()
    for setting in fields(Settings):
        section = re.search(rf"## `KAFKA_EVENTS_{setting.name.upper()}`\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
        assert section is not None, setting.name
        assert "- must be: " in section[1]
        assert "- default: " in section[1]
        assert (f"- unit: {setting.metadata['unit']}" in section[1]) == bool(setting.metadata["unit"])


def test_numbers_have_units() -> None:
    """A setting that is a number has a unit, and what its name ends in is that unit."""
    for setting in fields(Settings):
        if type(setting.default) in (int, float):
            assert setting.name.endswith(f"_{setting.metadata['unit']}"), setting.name


@pytest.mark.parametrize(
    ("name", "wanted", "default"),
    [
        ("topic", "text", "not set"),
        ("on_full", "one of `drop`, `block`, `raise`", "`'drop'`"),
        ("queue_events", "a whole number from 2 to 10,000,000", "100,000"),
        ("block_seconds", "a number above 0 and up to 86,400", "0.5"),
        ("handle_sigterm", "True or False", "`True`"),
        ("capture", "a list of texts", "`[]`"),
        ("producer", "a mapping", "`{}`"),
        ("requests", "True, False or a mapping of `include`, `exclude` and `sample`", "`False`"),
        ("userid", "a function", "not set"),
    ],
)
def test_settings_are_read_from_their_readers(name: str, wanted: str, default: str) -> None:
    """What a value must be, in the words of the setting's own error, and its default as it is written."""
    (setting,) = (each for each in fields(Settings) if each.name == name)
    assert setting_reference.wanted(setting) == wanted
    assert setting_reference.shown_default(setting) == default


def test_every_command_has_its_section() -> None:
    """Each command with each of its options."""
    text = command_reference.markdown()

    def all_of(group: click.Group, path: str) -> None:
        for name, command in group.commands.items():
            section = re.search(rf"## `{path} {name}`\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
            assert section is not None, name
            for option in command.params:
                if isinstance(option, click.Option):
                    assert all(each in section[1] for each in option.opts), (name, option)
            if isinstance(command, click.Group):
                all_of(command, f"{path} {name}")

    all_of(kafka_events, "flask kafka-events")


def test_every_error_and_signal_has_its_entry() -> None:
    """Each class of errors.py is in the tree, each public one and each signal has an entry."""
    text = error_reference.markdown()
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.KafkaEventsError):
            assert name in text, name
            assert (f".. autoexception:: flask_kafka_events.{name}\n" in text) == (
                name in flask_kafka_events.__all__
            )
    assert set(signal_reference.all_signals()) == {
        name for name in flask_kafka_events.__all__ if name.startswith("event_")
    }


def test_every_public_name_is_in_the_reference() -> None:
    """What an app can import is on a page of the reference."""
    text = "".join(filled(page.read_text()) for page in (DOCS / "reference").glob("*.md"))
    for module in (flask_kafka_events, testing):
        for name in module.__all__:
            assert f":: {module.__name__}.{name}" in text, name


def test_every_reason_is_in_the_table() -> None:
    """Each reason that the code gives is explained, with how it is counted, and none that it doesn't give."""
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    refusals = {
        reason: dropped == "True"
        for dropped, reason in re.findall(r'dropped=(True|False),\s+reason="(\w+)"', source)
    }
    refusals |= {**dict.fromkeys(re.findall(r'\.drop\("(\w+)"', source), True), JOURNAL_TAKEN: True}
    refusals |= {reason: reason == "not_configured" for reason in _REASONS.values()}
    rows = re.findall(
        r"^\| `(\w+)` \| (dropped|failed) \|", (DOCS / "reference" / "reasons.md").read_text(), re.MULTILINE
    )
    assert {reason: word == "dropped" for reason, word in rows} == refusals


def test_every_attribute_is_in_the_table() -> None:
    """An event that has all that can be captured has no attribute that the page doesn't name, and lacks none."""
    page = (DOCS / "reference" / "event-format.md").read_text().partition("## Three forms")[0]
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    with shop(CAPTURE=list(CAPTURE_NAMES), USERID=lambda: "ana") as here:

        @here.app.post("/<player>")
        @flask_kafka_events.emit_event("sold", key=lambda _: "ana")
        def sell(player: str) -> str:
            return player

        def about_a_sword(_app: object, event: flask_kafka_events.Event) -> flask_kafka_events.Event:
            return event.replace(subject="sword")

        with flask_kafka_events.event_created.connected_to(about_a_sword, sender=here.app):
            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            headers = {"Traceparent": trace, "Tracestate": "a=b", "X-Request-ID": "1", "User-Agent": "curl"}
            here.app.test_client().post("/ana", headers=headers)
        (event,) = here.sent()
    assert set(event.context()) == named
    assert event.time <= datetime.now(timezone.utc)


def test_the_house_has_every_layer_once() -> None:
    """The floors on the page are the layers of pyproject.toml, all of them, from the top to the ground."""
    floors = [mark.split() for mark in MARK.findall(HOUSE.read_text())]
    assert all(words[0] == "layers" for words in floors)
    shown = [layer for words in floors for layer in layer_table.part(words[1], words[3])]
    assert shown == layer_table.layers()


def test_the_house_draws_the_flask_line_where_it_is() -> None:
    """What the page has below the line is what the contract forbids to import flask."""
    (forbidden,) = (
        contract["source_modules"]
        for contract in pyproject()["tool"]["importlinter"]["contracts"]
        if contract["type"] == "forbidden"
    )
    below = filled(HOUSE.read_text()).partition("## The Flask line")[2].partition("## Where to make")[0]
    rows = re.findall(r"^\| `(\w+)` \|", below, re.MULTILINE)
    assert sorted(f"flask_kafka_events.{name}" for name in rows) == sorted(forbidden)


def test_every_module_of_the_house_says_what_it_is_for() -> None:
    """Each row has a sentence."""
    for layer in layer_table.layers():
        for module in layer:
            assert len(layer_table.says(module)) > 10, module


def test_guarantees_are_those_of_the_readme() -> None:
    """The page shows the README's table with its notes, and its links lead to the docs' own pages."""
    text = filled((DOCS / "explanation" / "guarantees.md").read_text())
    assert "| memory | yes [1] |" in text
    assert "6. `tests/faults/test_power.py`" in text
    assert "](docs/" not in text
    assert "below" not in text
