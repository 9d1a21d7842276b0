"""The fixtures that pytest finds by itself, in runs of their own."""

from __future__ import annotations

import re

import pytest

APP = """
import pytest
from flask import Flask
from flask_kafka_events import KafkaEvents, emit_event

@pytest.fixture
def app():
    app = Flask("shop")
    app.config.update(TESTING=True, KAFKA_EVENTS_TOPIC="shop_events")
    KafkaEvents(app)
    app.get("/")(emit_event("came")(lambda: "fine"))
    return app
"""
UNUSED = """
import sys

def test_nothing_is_imported(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("flask_kafka_events")
    costly = {"flask", "confluent_kafka", "flask_kafka_events", "blinker", "msgspec"}
    assert costly & set(sys.modules) == set()
"""
USED = """
def test_captured(app, kafka_events):
    app.test_client().get("/")
    kafka_events.assert_emitted("came", count=1)

def test_captured_alone(app, kafka_events):
    kafka_events.assert_nothing_emitted()
"""
WITHOUT_APP = """
def test_captured(kafka_events):
    pass
"""
MISTAKEN = """
def test_mistaken(app, kafka_events):
    app.config["TESTING"] = False
    KafkaEvents().for_app(app).emit("sold", float("nan"))
"""
BROKERS = """
import os
import pytest

@pytest.mark.parametrize("number", range(4))
def test_broker(kafka_broker, number, tmp_path_factory):
    assert kafka_broker.config("shop_events")["KAFKA_EVENTS_BOOTSTRAP_SERVERS"] == kafka_broker.address
    print("broker", os.environ["PYTEST_XDIST_WORKER"], kafka_broker.lease.pid)
"""


@pytest.fixture
def alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A run that has the fixtures from the entry point alone, and none of our own plugins."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return pytester


def test_unused_they_cost_nothing(alone: pytest.Pytester) -> None:
    """Neither Flask nor confluent-kafka nor the package itself is imported in a suite that doesn't ask for them."""
    alone.makepyfile(UNUSED)
    alone.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_apps_events_are_captured(alone: pytest.Pytester) -> None:
    """Those of the fixture `app`, for each test alone."""
    alone.makepyfile(APP + USED)
    alone.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_missing_app_is_named(alone: pytest.Pytester) -> None:
    """Without a fixture `app` there is nothing to capture."""
    alone.makepyfile(WITHOUT_APP)
    result = alone.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'app' not found*"])


def test_a_mistake_outside_strict_mode_is_an_error_of_the_test(alone: pytest.Pytester) -> None:
    """Its teardown tells it."""
    alone.makepyfile(APP + MISTAKEN)
    result = alone.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["E*AssertionError: Events that can't be made (1):", "E*'sold' (encoding): *"]
    )


def test_each_worker_has_its_own_broker(alone: pytest.Pytester) -> None:
    """Under pytest-xdist no two tests share one."""
    alone.makepyfile(BROKERS)
    result = alone.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", "-rP")
    result.assert_outcomes(passed=4)
    told = re.findall(r"^broker (gw\d) (\d+)$", result.stdout.str(), re.MULTILINE)
    assert {worker for worker, _ in told} == {"gw0", "gw1"}
    assert len({pid for _, pid in told}) == 4
