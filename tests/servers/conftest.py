"""What the tests under servers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease, join
from tests.servers.served import TOPIC


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path, linger=0.3) as lease:
        lease.create_topic(TOPIC)
        yield lease
