"""No line that we log holds a control character that came from outside, and none says what an exception of the app says."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from flask import Response

from flask_kafka_events import (
    emit_event,
    event_created,
    event_delivered,
    event_failed,
)
from tests.log_lines import ours
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop

#: A second line, a terminal's escapes, half a character, a line separator, a change of the writing direction.
EVIL = "\nERROR all is lost\r\x1b[2J\x9b\0\ud800\u2028\u202e"


@contextmanager
def hostile_shop(folder: Path | None, **settings: Any) -> Iterator[Shop]:
    """A shop with a hostile name, and perhaps a journal in a hostile place."""
    if folder is not None:
        settings["JOURNAL"] = str(folder / "j\nERROR \x1b[2J")
    with shop(f"shop{EVIL}", testing=False, **settings) as here:
        yield here


@pytest.fixture(params=["memory", "journal"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the journal is, if there is one."""
    return tmp_path if request.param == "journal" else None


def test_what_users_send_makes_no_line_of_its_own(
    folder: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Types, topics, keys, headers and data in the log stay within their line."""
    caplog.set_level(logging.DEBUG)
    with hostile_shop(folder, MAX_EVENT_BYTES=2048) as here:
        for what in (
            {"type": EVIL}, {"type": "x", "topic": EVIL}, {"type": "x", "key": EVIL},
            {"type": "x", "headers": {EVIL: "x"}}, {"type": "x", "data": {EVIL: float("nan")}},
            {"type": "y\u2028\u202e", "data": "x" * 2000}, {"type": "y\u2028\u202e", "data": "x" * 4000},
        ):  # fmt: skip
            here.mine.emit(**what)
        here.mine.flush(5)
        assert here.mine.stats().pending == 0
    assert all(line.isprintable() for line in ours(caplog))
    assert "\\nERROR all is lost" in caplog.text


def test_what_the_broker_says_makes_no_line_of_its_own(
    folder: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does the text of an error, wherever librdkafka tells it, or a line of its own log."""
    caplog.set_level(logging.DEBUG)
    evil = EVIL.replace("\0", "").replace("\ud800", "")  # what C has no text for

    class Telling(KeepingProducer):
        def __init__(self, config: dict[str, Any], **more: Any) -> None:
            super().__init__(config, **more)
            config["error_cb"](KafkaError(KafkaError._TRANSPORT, evil))  # noqa: SLF001 - a public name
            more["logger"].log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", EVIL)
            self.error = KafkaError(KafkaError.INVALID_RECORD, evil)

    with hostile_shop(folder, make=Telling) as here:
        here.mine.emit("sold")
        wait_until(lambda: here.mine.stats().pending == 0, "it is refused")
    assert all(line.isprintable() for line in ours(caplog))
    assert caplog.text.count("ERROR all is lost\\r\\x1b[2J\\x9b") == 3


def test_trouble_with_the_journal_makes_no_line_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its path is somebody's choice too."""
    with hostile_shop(tmp_path) as here:
        Path(here.app.config["KAFKA_EVENTS_JOURNAL"]).touch()
        here.mine.emit("sold")
        assert here.mine.flush(5)
    assert all(line.isprintable() for line in ours(caplog))
    assert "j\\nERROR" in caplog.text


def test_what_the_apps_exceptions_say_is_not_logged(
    folder: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A view, a callable or a receiver that raises is told by the class of the error, and where it was raised."""

    def fail(*_: Any, **__: Any) -> Any:
        raise LookupError(f"hunter2{EVIL}")

    with hostile_shop(folder, USERID=fail, IDEMPOTENCY=fail) as here:
        hows: tuple[dict[str, Any], ...] = ({"data": fail}, {"key": fail}, {"on": fail}, {})
        for number, how in enumerate(hows):
            view: Any = (lambda: "") if how else fail
            here.app.add_url_rule(f"/{number}", f"view{number}", emit_event("seen", **how)(view))
        with (
            event_created.connected_to(fail, sender=here.app),
            event_delivered.connected_to(fail, sender=here.app),
            event_failed.connected_to(fail, sender=here.app),
        ):
            for number in range(4):
                here.app.test_client().get(f"/{number}", headers={"Idempotency-Key": "k"})
            here.mine.flush(5)
        assert here.mine.stats().receiver_errors > 0
        assert here.mine.stats().pending == 0
    assert all(line.isprintable() and "hunter2" not in line for line in ours(caplog))
    assert (
        "A receiver of 'event-created' failed; the event goes on. LookupError was raised (test_log_lines.py, line"
        in caplog.text
    )


def test_a_fault_of_ours_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """What fails in a hook is told by class and place too, and a log filter that raises there harms nobody."""

    class Mine(Response):
        @property
        def is_streamed(self) -> bool:
            raise LookupError(f"hunter2{EVIL}")

    def broken(_: logging.LogRecord) -> bool:
        raise LookupError

    with shop(testing=False) as here:
        here.app.get("/")(emit_event("seen", at="close")(lambda: Mine("fine")))
        assert here.app.test_client().get("/").text == "fine"
        here.app.logger.addFilter(broken)
        assert here.app.test_client().get("/").text == "fine"
        here.app.logger.removeFilter(broken)
    lines = ours(caplog)
    assert all(line.isprintable() and "hunter2" not in line for line in lines)
    text = "flask_kafka_events failed in _on_finished; the request goes on. LookupError was raised (test_log_lines.py, "
    assert lines[0].startswith(text)
