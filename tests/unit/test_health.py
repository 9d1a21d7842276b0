"""`events.health()`: a status, and the reasons for it, each by a word that stays."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from flask import Flask

from flask_kafka_events import Health, KafkaEvents, QueueFull, health_blueprint
from flask_kafka_events.delivery.admission import Fullness
from flask_kafka_events.delivery.vitals import Condition
from flask_kafka_events.health import CODES, judged, patience_of
from flask_kafka_events.settings import read_settings
from tests.limits import largest_file
from tests.processes import wait_until
from tests.sending import KeepingProducer, Shop, shop
from tests.unit.forked import forked
from tests.unit.test_journaling import journaling


class Silent(KeepingProducer):
    """Takes everything and acknowledges nothing."""

    def __init__(self, config: dict[str, Any], **more: Any) -> None:
        super().__init__(config, **more)
        self.answers = False


def codes(held: Shop) -> list[str]:
    """The words for the reasons."""
    return [each.code for each in held.mine.health().reasons]


def complain(held: Shop, code: int) -> None:
    """Let librdkafka tell of an error, as it does in the poller's thread."""
    held.producers[0].config["error_cb"](KafkaError(code, "refused by broker-7"))


def test_an_app_whose_events_arrive_is_ok() -> None:
    """Before its first event, and after it."""
    with shop() as here:
        assert here.mine.health() == Health(status="ok", reasons=())
        here.mine.emit("sold", wait=5)
        assert here.mine.health() == Health(status="ok", reasons=())
        with here.app.app_context():
            assert here.events.health().status == "ok"


def test_asking_makes_nothing(tmp_path: Path) -> None:
    """A process that has emitted nothing is asked without anything being made for it."""
    with journaling(tmp_path / "journal") as held:
        assert held.mine.health().status == "ok"
        assert held.app.extensions["kafka_events"].processes.made() is None
        held.mine.emit("sold", wait=5)
        assert forked(lambda: held.mine.health().status) == "ok"


def test_a_switched_off_app_is_ok() -> None:
    """It sends nothing, and needs no broker."""
    app = Flask("shop")
    app.config["KAFKA_EVENTS_ENABLED"] = False
    events = KafkaEvents(app)
    assert events.for_app(app).health().status == "ok"


def test_an_app_without_a_broker_is_failing() -> None:
    """No event of it can ever be sent."""
    app = Flask("shop")
    health = KafkaEvents(app).for_app(app).health()
    (reason,) = health.reasons
    assert (health.status, reason.code, reason.status) == ("failing", "configuration", "failing")
    assert "KAFKA_EVENTS_BOOTSTRAP_SERVERS" in reason.text


def test_what_librdkafka_refuses_is_failing() -> None:
    """A person must correct it; its text and the next step are told."""

    def refuse(_: Any, **__: Any) -> KeepingProducer:
        raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "No such file."))  # noqa: SLF001 - a public name

    with shop(make=refuse, patience=0.1) as here:
        here.mine.emit("sold")
        wait_until(lambda: codes(here) == ["configuration"], "it is refused")
        (reason,) = here.mine.health().reasons
        assert "No such file. Correct KAFKA_EVENTS_PRODUCER" in reason.text


def test_a_closed_app_is_failing() -> None:
    """What it emits is dropped."""
    with shop() as here:
        here.mine.emit("sold", wait=5)
        here.mine.close()
        assert codes(here) == ["closed"]
        here.mine.emit("sold")
        assert codes(here) == ["closed", "losses"]
        assert (
            here.mine.health()
            .reasons[1]
            .text.startswith("Events were lost within the last 5 minutes; in all, by reason: closed 1.")
        )


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (KafkaError._ALL_BROKERS_DOWN, "_ALL_BROKERS_DOWN"),  # noqa: SLF001 - a public name
        (KafkaError._AUTHENTICATION, "_AUTHENTICATION"),  # noqa: SLF001 - a public name
    ],
)
def test_a_broker_that_is_away_degrades(code: int, name: str) -> None:
    """Until one answers: events wait, and nothing is lost."""
    with shop(make=Silent, patience=0.1) as here:
        here.mine.emit("sold")
        wait_until(lambda: bool(here.producers), "it is built")
        complain(here, code)
        (reason,) = here.mine.health().reasons
        assert (here.mine.health().status, reason.code) == ("degraded", "broker_away")
        assert f"{name}. Check" in reason.text
        here.producers[0].answers = True
        wait_until(lambda: here.mine.health().status == "ok", "one has answered")


def test_a_broker_that_refuses_each_event_has_answered() -> None:
    """An event that it refuses ends the complaint as one that it takes; one that librdkafka gives up doesn't."""
    with shop(make=Silent, patience=0.1) as here:
        for error, after in ((KafkaError._MSG_TIMED_OUT, True), (KafkaError.MSG_SIZE_TOO_LARGE, False)):  # noqa: SLF001
            here.mine.emit("sold")
            wait_until(lambda: bool(here.producers), "it is built")
            producer = here.producers[0]
            complain(here, KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001 - a public name
            producer.error, producer.answers = KafkaError(error), True
            here.mine.flush(5)
            producer.answers = False
            assert ("broker_away" in codes(here)) is after


def test_a_broker_that_says_no_is_there() -> None:
    """Errors that are answers are no absence."""
    with shop() as here:
        here.mine.emit("sold", wait=5)
        complain(here, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        assert here.mine.health().status == "ok"


@pytest.mark.parametrize("on_full", ["drop", "raise"])
def test_a_full_queue_is_failing(on_full: str) -> None:
    """Whether the event without a place was dropped or refused beforehand; once there are places, it is well soon."""
    with shop(make=Silent, testing=False, patience=0.1, ON_FULL=on_full, QUEUE_EVENTS=20) as here:
        for _ in range(8):
            here.mine.emit("sold")
        assert codes(here) == []
        here.mine.emit("sold")
        assert codes(here) == ["queue_filling"]
        assert "The queue is 90% full" in here.mine.health().reasons[0].text
        here.mine.emit("sold")
        assert codes(here) == ["queue_full"]
        if on_full == "raise":
            with pytest.raises(QueueFull):
                here.mine.emit("sold")
        else:
            here.mine.emit("sold")
        here.producers[0].answers = True
        here.mine.flush(5)
        assert codes(here)[0] == "queue_full"
        assert here.mine.health().status == "failing"


def test_a_full_journal_is_failing_by_its_own_name(tmp_path: Path) -> None:
    """It has another limit, and the text names it."""
    with journaling(tmp_path, answers=False, JOURNAL_MAX_BYTES=65_536, MAX_EVENT_BYTES=30_000) as held:
        for _ in range(3):
            held.mine.emit("sold", "x" * 10_000)
        assert codes(held) == ["journal_filling"]
        held.mine.emit("sold", "x" * 10_000)
        assert codes(held) == ["journal_full", "losses"]
        assert "KAFKA_EVENTS_JOURNAL_MAX_BYTES" in held.mine.health().reasons[0].text


def test_a_journal_that_cannot_be_written_is_failing(tmp_path: Path) -> None:
    """While events wait in memory alone, and a moment longer."""
    with journaling(tmp_path, answers=False) as held:
        held.mine.emit("sold")
        assert codes(held) == []
        with largest_file(0):
            held.mine.emit("sold")
        (reason,) = held.mine.health().reasons
        assert (reason.code, reason.status) == ("journal_unwritten", "failing")
        assert reason.text.startswith("Events wait in memory alone. Journal ")


def test_dead_letters_degrade(tmp_path: Path) -> None:
    """A person must look at them."""
    with journaling(tmp_path) as held:
        held.mine.emit("sold", wait=5)
        held.producers[0].error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        held.mine.emit("sold")
        assert held.mine.flush(5)
        (reason,) = held.mine.health().reasons
        assert (reason.code, held.mine.health().status) == ("dead_letters", "degraded")
        assert "refused 1 event(s) for good" in reason.text


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Condition(), []),
        (Condition(waited=10.0), []),
        (Condition(waited=10.1), ["waiting"]),
        (Condition(lost={"encoding": 1}), ["losses"]),
        (Condition(fullness={"queue": Fullness(0.8, math.inf)}), []),
        (Condition(fullness={"queue": Fullness(0.81, 10.0)}), ["queue_filling"]),
        (Condition(fullness={"queue": Fullness(0.0, 9.9)}), ["queue_full"]),
        (Condition(fullness={"queue": Fullness(1.0, math.inf)}), ["queue_full"]),
        (
            Condition(fullness={"journal": Fullness(0.9, math.inf), "queue": Fullness(1.0, 1.0)}),
            ["queue_full", "journal_filling"],
        ),
        (
            Condition(
                is_closed=True, obstacle="x", trouble="x", complaint="x", waited=11.0, lost={"x": 1}, dead=1
            ),
            [
                "configuration",
                "closed",
                "journal_unwritten",
                "broker_away",
                "waiting",
                "losses",
                "dead_letters",
            ],
        ),
    ],
)
def test_each_condition_has_its_reasons(condition: Condition, found: list[str]) -> None:
    """What is failing comes first, and the worst of them is the status."""
    health = judged(condition, patience=10.0)
    assert [each.code for each in health.reasons] == found
    worst = [CODES[code] for code in found] or ["ok"]
    assert (
        health.status == worst[0] == next((each for each in ("failing", "degraded") if each in worst), "ok")
    )


@pytest.mark.parametrize(
    ("properties", "seconds"),
    [
        ({}, 10),
        ({"linger.ms": 60_000}, 70),
        ({"linger.ms": "500"}, 10.5),
        ({"linger.ms": "1e3"}, 11),
        ({"linger.ms": "soon"}, 10),
    ],
)
def test_events_may_wait_as_long_as_they_are_told_to(properties: dict[str, Any], seconds: float) -> None:
    """`linger.ms` is patience of the app's own."""
    settings = read_settings({"KAFKA_EVENTS_PRODUCER": properties}, "shop")
    assert patience_of(settings) == seconds


def test_health_is_ready_for_json() -> None:
    """Each reason with its word, its status and its text."""
    app = Flask("shop")
    found = KafkaEvents(app).for_app(app).health().as_dict()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["status", "reasons"]
    assert list(found["reasons"][0]) == ["code", "status", "text"]


def test_no_secret_is_in_it() -> None:
    """Not even where librdkafka quotes one."""

    def refuse(_: Any, **__: Any) -> KeepingProducer:
        text = "Bad password hunter2-secret"
        raise KafkaException(KafkaError(KafkaError._INVALID_ARG, text))  # noqa: SLF001 - a public name

    with shop(make=refuse, patience=0.1, PRODUCER={"sasl.password": "hunter2-secret"}) as here:
        here.mine.emit("sold")
        wait_until(lambda: codes(here) == ["configuration"], "it is refused")
        assert "hunter2" not in json.dumps(here.mine.health().as_dict())


def test_the_page_answers_200_whatever_the_health_is() -> None:
    """The events are no reason to take the app away from its users."""
    with shop() as here:
        here.app.register_blueprint(health_blueprint())
        client = here.app.test_client()
        answer = client.get("/health/kafka-events")
        assert (answer.status_code, answer.json) == (200, {"status": "ok", "reasons": []})
        assert answer.headers["Cache-Control"] == "no-store"
        here.mine.emit("sold", wait=5)
        here.mine.close()
        answer = client.get("/health/kafka-events")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "failing")


def test_the_page_answers_503_where_that_is_asked_for() -> None:
    """But only where the health is failing: a broker that is away makes no app unready."""
    with shop(make=Silent, patience=0.1) as here:
        here.app.register_blueprint(
            health_blueprint(rule="/ready", failing_status=503), url_prefix="/internal"
        )
        client = here.app.test_client()
        here.mine.emit("sold")
        wait_until(lambda: bool(here.producers), "it is built")
        complain(here, KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001 - a public name
        answer = client.get("/internal/ready")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")
        here.mine.close(0.1)
        assert client.get("/internal/ready").status_code == 503
