"""Each line of the log tells a program its kind, and what it is about."""

import logging
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from flask_kafka_events import event_created, event_delivered
from tests.log_lines import fields
from tests.processes import wait_until
from tests.sending import KeepingProducer, shop
from tests.unit.test_journaling import files, journaling
from tests.unit.test_log_lines import EVIL


def test_a_loss_tells_reason_count_type_id_and_topic(caplog: pytest.LogCaptureFixture) -> None:
    """Those of the last event of a line, as the signal tells them."""
    with shop(testing=False, MAX_EVENT_BYTES=1024) as here:
        here.mine.emit("sold", "x" * 900, topic="large")
        here.mine.emit("sold", "x" * 900, topic="large")
    first, second = fields(caplog, "losses")
    assert first.pop("id") != second.pop("id")
    assert first == {"line": "losses", "reason": "too_large", "count": 1, "type": "sold", "topic": "large"}
    assert second == first


def test_what_is_not_known_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """An event that came to nothing before it had an id has none, and no topic, in its line."""
    with shop(testing=False) as here:
        here.mine.emit("sold", float("nan"))
    assert fields(caplog) == [{"line": "losses", "reason": "encoding", "count": 1, "type": "sold"}]


def test_a_dead_letter_is_told_apart_from_a_loss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By the kind of its line, with the broker's own word as the reason."""
    with journaling(tmp_path, answer=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)) as held:
        held.mine.emit("sold")
        assert held.mine.flush(5)
    (letter,) = fields(caplog)
    assert (letter["line"], letter["reason"]) == ("dead_letters", "TOPIC_AUTHORIZATION_FAILED")


def test_an_adopted_journal_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With its path, and how many events it holds."""
    caplog.set_level(logging.INFO)
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
    (left,) = files(tmp_path)
    with journaling(tmp_path) as held:
        held.mine.emit("sold")
        wait_until(lambda: held.mine.stats().adopted == 1, "it is adopted")
    assert fields(caplog, "journal_adopted") == [{"line": "journal_adopted", "count": 1, "about": str(left)}]


def test_receivers_settings_and_brokers_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """By the signal, the setting, and Kafka's name for the error; of an exception the class is told alone."""

    def fail(*_: Any, **__: Any) -> Any:
        raise LookupError("hunter2")

    class Telling(KeepingProducer):
        def __init__(self, config: dict[str, Any], **more: Any) -> None:
            super().__init__(config, **more)
            config["error_cb"](KafkaError(KafkaError._TRANSPORT, "gone"))  # noqa: SLF001 - a public name
            more["logger"].log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", "refused")

    with shop(testing=False, make=Telling, USERID=fail) as here:
        here.app.get("/")(lambda: str(here.mine.emit("sold")))
        with (
            event_created.connected_to(lambda *_, **__: 1, sender=here.app),
            event_delivered.connected_to(fail, sender=here.app),
        ):
            here.app.test_client().get("/")
            here.mine.flush(5)
    told = fields(caplog)
    assert {"line": "setting_failed", "about": "KAFKA_EVENTS_USERID", "error": "LookupError"} in told
    assert {"line": "receiver_failed", "about": "event-delivered", "error": "LookupError"} in told
    assert {"line": "receiver_answer", "about": "event-created"} in told
    assert {"line": "broker_error", "error": "_TRANSPORT"} in told
    assert {"line": "librdkafka", "about": "FAIL"} in told


def test_what_users_send_is_escaped_in_fields_too(caplog: pytest.LogCaptureFixture) -> None:
    """A program that writes them as lines of text gets one line."""
    with shop(testing=False) as here:
        here.mine.emit(f"x{EVIL}", float("nan"))
    (told,) = fields(caplog)
    assert told["type"].isprintable()
