"""The cluster that all tests of this ring share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.stage import Stage, staged
from tests.faults.subject import MODES
from tests.parts import need

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three brokers for all rows."""
    need("java", "maven", "openssl")
    with staged(tmp_path_factory.mktemp("kafka-cluster"), MODES) as running:
        yield running
