"""What the tests that send events through the embedded broker share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_kafka_events.embedded import Lease, join


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Path]:
    """The app's instance folder."""
    yield tmp_path / "instance"
    # A broker that the app or a fault started would linger for five seconds; one that can't be found any more ends at once.
    shutil.rmtree(tmp_path / "instance", ignore_errors=True)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        lease.create_topic("shop_events")
        yield lease
