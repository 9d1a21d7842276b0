"""The development broker: librdkafka's mock cluster in a process of its own, shared by all who join it."""

from .lease import Lease, join

__all__ = ["Lease", "join"]
