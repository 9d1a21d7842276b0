"""A span for each event, and its trace context in what is sent: the extra `opentelemetry`."""

from flask_kafka_events.errors import missing_extra

try:
    import opentelemetry.trace as _  # noqa: F401 - asked for by itself, so that what fails below is told as it is
except ModuleNotFoundError as error:
    raise missing_extra(
        error, "opentelemetry.trace", package="opentelemetry-api", extra="opentelemetry"
    ) from None

from flask_kafka_events.contrib.opentelemetry.tracing import trace_events

__all__ = ["trace_events"]
