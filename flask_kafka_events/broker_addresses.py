"""`KAFKA_EVENTS_BOOTSTRAP_SERVERS`: the brokers to ask first."""

import re
from typing import Final

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.setting_values import Place, did_you_mean, text, texts, wrong

#: The development broker's name among addresses.
EMBEDDED: Final = "embedded"

#: What is told where it is needed and missing.
NOT_SET: Final = (
    "KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set. Set it to 'host:port', or to 'embedded' for development. From the "
    "environment it is FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS, and app.config.from_prefixed_env() reads it before init_app."
)

# A host's name, an IPv4 address, or an IPv6 one in brackets. Not librdkafka's PROTOCOL://HOST, for security.protocol
# says that in one place, and not a HOST alone, to which it would add 9092 without a word.
_HOST: Final = re.compile(r"[\w.-]+")
_ADDRESS: Final = re.compile(r"[\w.-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+(?:%\w+)?\]:[0-9]{1,5}")


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
    for address in addresses:
        if addresses != [EMBEDDED] and not _ADDRESS.fullmatch(address):
            raise _no_address(address, place)
    return ",".join(addresses)


def _no_address(address: str, place: Place) -> ConfigurationError:
    hint = did_you_mean(address, (EMBEDDED,))
    if not hint and _HOST.fullmatch(address):
        hint = f"The port is missing: {address}:9092, for example."
    wanted = f'HOST:PORT, several with commas between, or "{EMBEDDED}"'
    # Before an @ somebody may have written a password.
    return wrong(place, wanted, address, hint=hint, shows_value="@" not in address)
