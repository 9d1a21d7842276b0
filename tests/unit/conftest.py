"""What the unit tests of the metrics share."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from flask_kafka_events.contrib.prometheus import export_metrics
from tests.sending import Shop, shop


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def metered(registry: CollectorRegistry) -> Iterator[Shop]:
    """A shop whose events are counted there."""
    with shop(testing=False) as held:
        export_metrics(held.app, registry=registry)
        yield held
