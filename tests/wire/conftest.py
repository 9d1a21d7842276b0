"""What the tests that send events through the embedded broker share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease, join


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        lease.create_topic("shop_events")
        yield lease
