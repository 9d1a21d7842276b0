"""What is advised where a broker refuses the app's own certificate."""

import pytest
from confluent_kafka import KafkaError

from flask_kafka_events.delivery.reports import next_step


@pytest.mark.parametrize(
    "alert",
    [
        "ssl/tls alert certificate unknown: SSL alert number 46",
        "sslv3 alert certificate expired",
        "sslv3 alert bad certificate",
        "tlsv1 alert unknown ca",
        "tlsv13 alert certificate required",
    ],
)
def test_refused_certificate_is_named_although_the_error_is_one_of_transport(alert: str) -> None:
    """TLS 1.3 reports it as a broken connection; the advice is about the certificate, not about the network."""
    error = KafkaError(KafkaError._TRANSPORT, f"Receive failed: error:0A000416:SSL routines::{alert}")  # noqa: SLF001
    assert "Check ssl.certificate.location" in next_step(error)


def test_refused_connection_is_not_blamed_on_a_certificate() -> None:
    """Where nobody listens, the advice is to look at the broker."""
    error = KafkaError(KafkaError._TRANSPORT, "Connect failed: Connection refused")  # noqa: SLF001 - a public name
    assert next_step(error) == "Check that Kafka is running and reachable."
