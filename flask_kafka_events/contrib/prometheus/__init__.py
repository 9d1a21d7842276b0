"""What becomes of an app's events, as Prometheus' metrics: the extra `prometheus`.

docs/reference/metrics.md lists them, and says what a server with several workers needs.
"""

from flask_kafka_events.errors import missing_extra

try:
    import prometheus_client as _  # noqa: F401 - asked for by itself, so that what fails below is told as it is
except ModuleNotFoundError as error:
    raise missing_extra(error, "prometheus_client", package="prometheus-client", extra="prometheus") from None

from flask_kafka_events.contrib.prometheus.exporting import export_metrics

__all__ = ["export_metrics"]
