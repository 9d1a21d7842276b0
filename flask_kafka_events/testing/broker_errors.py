"""The errors that a broker can be told to answer with, by name."""

from confluent_kafka import KafkaError

from flask_kafka_events.errors import FaultError
from flask_kafka_events.setting_values import did_you_mean

#: librdkafka's own that an order may name all the same: the broker hangs up.
_HANGS_UP = KafkaError._TRANSPORT  # noqa: SLF001 - a public name


def broker_error(name: str) -> str:
    """The same name.

    Raises:
        FaultError: no broker answers so; the message offers the nearest name that one does.
    """
    known = broker_errors()
    if name in known:
        return name
    offer = did_you_mean(str(name).upper(), known) or "TOPIC_AUTHORIZATION_FAILED is one, for example."
    raise FaultError(
        f"faults.refuse: no broker answers {name!r}. {offer} The names are those of confluent_kafka.KafkaError."
    )


def broker_errors() -> tuple[str, ...]:
    """All names: Kafka's own errors, and `_TRANSPORT`."""
    codes = {name: getattr(KafkaError, name) for name in dir(KafkaError) if name.strip("_").isupper()}
    return tuple(name for name, code in codes.items() if code > 0 or code in (KafkaError.UNKNOWN, _HANGS_UP))
