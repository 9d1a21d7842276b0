"""What of the settings would keep every event from being sent: found as the app starts, not at its first event."""

from importlib import import_module
from typing import Final

from confluent_kafka import KafkaException, Producer

from flask_kafka_events.broker_addresses import EMBEDDED
from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.masking import scrub
from flask_kafka_events.producer_properties import librdkafka_config
from flask_kafka_events.settings import Settings

# librdkafka takes the properties one by one, and with the first that it refuses the constructor ends, before there is a
# thread or a socket. So a last one that no version knows has all others checked and nothing built.
_LAST: Final = "flask.kafka.events.unknown"


def check_protocol(settings: Settings, app_name: str) -> None:
    """Refuse encryption and authentication before the embedded broker, which has neither.

    Raises:
        ConfigurationError: `KAFKA_EVENTS_PRODUCER` asks for one of them.
    """
    protocol = settings.producer.get("security.protocol", "plaintext")
    if settings.bootstrap_servers == EMBEDDED and str(protocol).lower() != "plaintext":
        raise ConfigurationError(
            f"KAFKA_EVENTS_PRODUCER['security.protocol'] of app {app_name!r} isn't for the embedded broker, which speaks "
            f"plaintext alone. Leave it out in development, or name a Kafka in KAFKA_EVENTS_BOOTSTRAP_SERVERS."
        )


def check_properties(settings: Settings, app_name: str) -> None:
    """Ask librdkafka whether it takes the properties of the settings; opens no socket and starts no thread.

    Raises:
        ConfigurationError: it doesn't know one of them, or not its value.
    """
    config = librdkafka_config(settings)
    if "plugin.library.paths" in config:  # a plugin has properties of its own
        return
    try:
        Producer({**config, _LAST: ""})
    except KafkaException as error:
        text = error.args[0].str().strip()
        if _LAST not in text:
            told = scrub(text, settings.producer.secret_values())
            raise ConfigurationError(
                f"librdkafka refuses KAFKA_EVENTS_PRODUCER of app {app_name!r}: {told}. Its CONFIGURATION.md has all names "
                f"and values."
            ) from None


def import_parts(settings: Settings) -> None:
    """Import what the first event would import: an error shows as the app starts, and no request waits for it."""
    if settings.journal is not None:
        import_module("flask_kafka_events.delivery.journaling")
    if settings.bootstrap_servers == EMBEDDED:
        import_module("flask_kafka_events.embedded")
