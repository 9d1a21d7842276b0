"""Names of librdkafka's properties, to tell which one a mistyped name may be meant for.

Not all: librdkafka prints those that have a default alone, and those of consumers would mislead.
"""

import re
from typing import Final

from flask_kafka_events.setting_values import did_you_mean

#: What a producer's user may want to set.
PROPERTY_NAMES: Final = (
    "acks", "api.version.request", "api.version.request.timeout.ms", "batch.num.messages", "batch.size",
    "broker.address.family", "broker.address.ttl", "client.dns.lookup", "client.id", "client.rack",
    "compression.level", "compression.type", "connections.max.idle.ms", "debug", "enable.idempotence",
    "enable.sasl.oauthbearer.unsecure.jwt", "enable.ssl.certificate.verification", "linger.ms",
    "log.connection.close", "max.in.flight", "metadata.max.age.ms", "oauth_cb", "partitioner",
    "queue.buffering.backpressure.threshold", "receive.message.max.bytes", "reconnect.backoff.max.ms",
    "reconnect.backoff.ms", "request.timeout.ms", "retry.backoff.max.ms", "retry.backoff.ms",
    "sasl.kerberos.keytab", "sasl.kerberos.principal", "sasl.kerberos.service.name", "sasl.mechanism",
    "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions", "sasl.oauthbearer.method", "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url", "sasl.password", "sasl.username", "security.protocol",
    "socket.connection.setup.timeout.ms", "socket.keepalive.enable", "socket.max.fails",
    "socket.nagle.disable", "socket.receive.buffer.bytes", "socket.send.buffer.bytes", "socket.timeout.ms",
    "ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location", "ssl.certificate.pem", "ssl.cipher.suites",
    "ssl.crl.location", "ssl.curves.list", "ssl.endpoint.identification.algorithm", "ssl.key.location",
    "ssl.key.password", "ssl.key.pem", "ssl.keystore.location", "ssl.keystore.password", "ssl.providers",
    "ssl.sigalgs.list", "statistics.interval.ms", "sticky.partitioning.linger.ms",
    "topic.metadata.refresh.fast.interval.ms", "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
)  # fmt: skip

_UNKNOWN: Final = re.compile(r'No such configuration property: "([^"]*)"')


def property_hint(text: str) -> str:
    """The sentence that offers a property's name, where librdkafka says that it doesn't know one; else empty."""
    unknown = _UNKNOWN.search(text)
    return did_you_mean(unknown[1], PROPERTY_NAMES) if unknown else ""
