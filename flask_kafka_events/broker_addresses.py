"""`KAFKA_EVENTS_BOOTSTRAP_SERVERS`: the brokers to ask first."""

import re
from typing import Final

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.setting_values import Place, did_you_mean, text, texts

#: The development broker's name among addresses.
EMBEDDED: Final = "embedded"

# A host's name, an IPv4 address, or an IPv6 one in brackets. Not librdkafka's PROTOCOL://HOST, for security.protocol
# says that in one place, and not a HOST alone, to which it would add 9092 without a word.
_ADDRESS = re.compile(r"[\w.-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+(?:%\w+)?\]:[0-9]{1,5}")


def read_broker_addresses(value: object, place: Place) -> str:
    """Read `HOST:PORT`, several with commas between or as a list, or `embedded`.

    Raises:
        ConfigurationError: it is none of them.
    """
    if isinstance(value, list | tuple):
        value = ",".join(texts("localhost:9092")(value, place))
    addresses = [address.strip() for address in text(value, place).split(",")]
    if EMBEDDED in addresses and len(addresses) > 1:
        raise ConfigurationError(f'{place} names "{EMBEDDED}" and other brokers. Name the one or the others.')
    if addresses != [EMBEDDED] and not all(map(_ADDRESS.fullmatch, addresses)):
        hint = did_you_mean(addresses[0], (EMBEDDED,))
        raise ConfigurationError(
            f'{place} must be HOST:PORT, several with commas between, or "{EMBEDDED}". {hint}'.rstrip()
        )
    return ",".join(addresses)
