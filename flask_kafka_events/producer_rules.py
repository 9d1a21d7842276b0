"""The rules of `KAFKA_EVENTS_PRODUCER`: names of librdkafka's properties, and what is refused, with the reason."""

from collections.abc import Mapping
from types import MappingProxyType

_ONE_NAME_EACH = {  # librdkafka's alias, with underscores as dots -> the name used here
    "queue.buffering.max.ms": "linger.ms",
    "compression.codec": "compression.type",
    "sasl.mechanisms": "sasl.mechanism",
    "max.in.flight.requests.per.connection": "max.in.flight",
    "request.required.acks": "acks",
    "message.send.max.retries": "retries",
    "metadata.broker.list": "bootstrap.servers",
    "delivery.timeout.ms": "message.timeout.ms",
    "sasl.oauthbearer.client.credentials.client.id": "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.secret": "sasl.oauthbearer.client.secret",
}
_WITH_UNDERSCORES = (
    "background_event_cb", "closesocket_cb", "connect_cb", "consume_cb", "default_topic_conf", "dr_cb", "dr_msg_cb",
    "enabled_events", "error_cb", "log_cb", "log_level", "msg_order_cmp", "oauth_cb",
    "oauthbearer_token_refresh_cb", "offset_commit_cb", "on_commit", "on_delivery", "open_cb", "partitioner_cb",
    "rebalance_cb", "resolve_cb", "socket_cb", "ssl.certificate.verify_cb", "ssl_ca", "ssl_certificate",
    "ssl_engine_callback_data", "ssl_key", "stats_cb", "throttle_cb",
)  # fmt: skip
_NAMES: Mapping[str, str] = MappingProxyType(
    {**{name.replace("_", "."): name for name in _WITH_UNDERSCORES}, **_ONE_NAME_EACH}
)

_CALLBACK = "the extension sets it. Deliveries and errors reach you by its signals and in the app's log."
_CONTEXT = "it can't be set from Python. Leave it out."
_EVERY_REPORT = "each event is counted by its own report. Leave it out."

REFUSED: Mapping[str, str] = MappingProxyType({
    "bootstrap.servers": "set KAFKA_EVENTS_BOOTSTRAP_SERVERS instead.",
    "message.timeout.ms": "librdkafka would drop events behind the extension's back when it runs out. They wait "
    "for the broker; KAFKA_EVENTS_QUEUE_EVENTS and KAFKA_EVENTS_QUEUE_BYTES say how many.",
    "retries": "events that the broker could still take would be given up. Leave it out: they are sent until "
    "they are acknowledged.",
    "queue.buffering.max.messages": "set KAFKA_EVENTS_QUEUE_EVENTS instead.",
    "queue.buffering.max.kbytes": "set KAFKA_EVENTS_QUEUE_BYTES instead.",
    "message.max.bytes": "set KAFKA_EVENTS_MAX_EVENT_BYTES instead.",
    "topic.metadata.propagation.max.ms": "set KAFKA_EVENTS_UNKNOWN_TOPIC_SECONDS instead.",
    "test.mock.num.brokers": 'set KAFKA_EVENTS_BOOTSTRAP_SERVERS to "embedded" instead.',
    "transactional.id": "events are sent one by one, in no transaction, and would all fail. Leave it out.",
    "enable.gapless.guarantee": "one event that fails would stop the producer for all others. Leave it out.",
    "delivery.report.only.error": _EVERY_REPORT,
    "enabled_events": _EVERY_REPORT,
    "log.queue": "librdkafka's log goes to the app's logger by itself. Leave it out.",
    "default.topic.config": "write the properties in it directly into KAFKA_EVENTS_PRODUCER.",
    "default_topic_conf": "write the properties in it directly into KAFKA_EVENTS_PRODUCER.",
    "opaque": _CONTEXT,
    "interceptors": _CONTEXT,
    "ssl_engine_callback_data": _CONTEXT,
    "msg_order_cmp": _CONTEXT,
    "partitioner_cb": _CONTEXT,
    "oauthbearer_token_refresh_cb": "give the function as oauth_cb.",
    "logger": _CALLBACK,
    **dict.fromkeys(
        ("dr_cb", "dr_msg_cb", "on_delivery", "error_cb", "stats_cb", "throttle_cb", "log_cb", "background_event_cb"),
        _CALLBACK,
    ),
})  # fmt: skip

# librdkafka compares these values without regard to case.
_ONLY_ALLOWED: Mapping[str, tuple[frozenset[str], str]] = MappingProxyType({
    "enable.idempotence": (
        frozenset({"true", "t", "1"}),
        "it must be true, otherwise a retry could double events or change their order.",
    ),
    "acks": (
        frozenset({"all", "-1"}),
        "it must be all, otherwise an acknowledged event is lost with the one broker that has it.",
    ),
    "max.in.flight": (
        frozenset("12345"),
        "it must be from 1 to 5, otherwise the broker can't keep the events in order.",
    ),
    "queuing.strategy": (frozenset({"fifo"}), "it must be fifo, otherwise events lose their order."),
})  # fmt: skip

_FORBIDDEN: Mapping[str, tuple[frozenset[str], str]] = MappingProxyType({
    "partitioner": (
        frozenset({"random"}),
        "random takes no notice of the key, so its events would lose their order. Leave it out.",
    ),
})  # fmt: skip

FLOATS = frozenset({"linger.ms"})

FILES = (
    "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location", "ssl.crl.location",
    "https.ca.location",
)  # fmt: skip

_SECRET_PARTS = ("password", "passphrase", "secret", "key.pem", "oauthbearer.config", "kinit.cmd")


def canonical_name(name: str) -> str:
    """The one name used here for a property, whichever of librdkafka's aliases and spellings was written."""
    dotted = name.replace("_", ".")
    return _NAMES.get(dotted, dotted)


def is_secret(name: str) -> bool:
    """Whether the property of this canonical name holds what nobody may read in a log."""
    return any(part in name for part in _SECRET_PARTS)


def why_refused(name: str, value: str) -> str | None:
    """The reason why the property may not have this value, in lower case; None where it may."""
    if name in _ONLY_ALLOWED:
        values, reason = _ONLY_ALLOWED[name]
        return None if value in values else reason
    if name in _FORBIDDEN:
        values, reason = _FORBIDDEN[name]
        return reason if value in values else None
    return None


def is_topic_alias(name: str) -> bool:
    """Whether the name is one of the second names that librdkafka reads by cutting `topic.` off the front."""
    return name.startswith("topic.") and not name.startswith(("topic.metadata.", "topic.blacklist"))
