"""What every ring shares: rings by directory, parts of the machine, the leak detector, Apache Kafka."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ("pytester", "tests.rings", "tests.parts", "tests.leaks", "tests.kafka.fixture")

# No deadline: on a busy machine of two cores one example in thousands takes longer than any.
settings.register_profile("thorough", deadline=None, derandomize="CI" in os.environ)
settings.register_profile("quick", settings.get_profile("thorough"), max_examples=10)
settings.load_profile("thorough")
