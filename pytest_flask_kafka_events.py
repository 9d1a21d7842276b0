"""The pytest fixtures of flask_kafka_events, which pytest finds by itself.

Beside the package and not in it: pytest imports its plugins at every start, and whatever is in the package brings Flask
and confluent-kafka along (0.2 s), in suites too that have no use for it; and what is imported then isn't measured by
pytest-cov, which starts later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from flask_kafka_events.testing import Capture, EmbeddedBroker


@pytest.fixture
def kafka_events(app: Flask) -> Iterator[Capture]:
    """What the app of your fixture `app` emits during the test: no broker, no thread, no socket.

    See `flask_kafka_events.testing.capture_events`; for several apps write a fixture of this name with that.
    """
    from flask_kafka_events.testing import capture_events

    with capture_events(app) as captured:
        yield captured


@pytest.fixture
def kafka_broker() -> Iterator[EmbeddedBroker]:
    """An embedded broker of the test's own, which speaks Kafka's protocol; so each process of pytest-xdist has others.

    See `flask_kafka_events.testing.EmbeddedBroker`; for a wider scope write a fixture of this name with
    `embedded_broker`.
    """
    from flask_kafka_events.testing import embedded_broker

    with embedded_broker() as broker:
        yield broker
