"""What an app's own tests need: its events as values, what to say of them, a broker of the test's own, faults to order.

Nothing here needs pytest; its fixtures are in `pytest_flask_kafka_events`.
"""

from flask_kafka_events.embedded.remote_control import RemoteControl
from flask_kafka_events.errors import FaultError
from flask_kafka_events.testing import faults
from flask_kafka_events.testing.broker import EmbeddedBroker, embedded_broker
from flask_kafka_events.testing.captured import CapturedEvent, CapturedEvents
from flask_kafka_events.testing.capturing import Capture, capture_events
from flask_kafka_events.testing.forked_child import ForkedChild
from flask_kafka_events.testing.reach import HoldsBroker

__all__ = [
    "Capture",
    "CapturedEvent",
    "CapturedEvents",
    "EmbeddedBroker",
    "FaultError",
    "ForkedChild",
    "HoldsBroker",
    "RemoteControl",
    "capture_events",
    "embedded_broker",
    "faults",
]
