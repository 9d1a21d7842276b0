"""What librdkafka's errors mean for an event, and what a person should do about them."""

import re
from collections.abc import Callable
from typing import Final, cast

from confluent_kafka import KafkaError, Message

from flask_kafka_events.delivery.shipment import Refusal
from flask_kafka_events.outcomes import Delivery

# A fatal error purges the queue by itself, and its reports then mean "not sent, or not known to be" (measured with
# rd_kafka_test_fatal_error: five queued messages, five _PURGE_QUEUE reports). The batch that brought it on is reported
# with the broker's own code, which is about the producer, not about the event: after brokers were killed with -9 they
# no longer knew how far this one had come, and called a batch that they had out of order.
SEND_AGAIN: Final = frozenset(
    {
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._FATAL,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)

#: Errors of a producer's configuration: building it again with the same settings can't help.
CONFIGURATION: Final = frozenset({KafkaError._INVALID_ARG, KafkaError._CONFLICT, KafkaError._NOT_IMPLEMENTED})

#: Errors of a broker that may be gone for ever.
UNREACHABLE: Final = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})

#: Errors for which no connection to a broker comes about.
UNCONNECTED: Final = UNREACHABLE | {KafkaError._RESOLVE, KafkaError._AUTHENTICATION, KafkaError._SSL}

_NEXT_STEPS: Final = {
    KafkaError._UNKNOWN_TOPIC: "The topic doesn't exist. Create it: flask kafka-events topics create NAME.",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "The topic doesn't exist. Create it: flask kafka-events topics create NAME.",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Give the app's user the right to it (READ or WRITE) on the topic.",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Give the app's user the IDEMPOTENT_WRITE right on the cluster.",
    KafkaError.MSG_SIZE_TOO_LARGE: "Send less data, or raise KAFKA_EVENTS_MAX_EVENT_BYTES and the topic's "
    "max.message.bytes.",
    KafkaError._AUTHENTICATION: "Check sasl.username and sasl.password in KAFKA_EVENTS_PRODUCER, or what "
    "KAFKA_EVENTS_CREDENTIALS returns.",
    KafkaError._SSL: "Check ssl.ca.location, the certificate's dates and the host name in it.",
    KafkaError._RESOLVE: "Check the host names in KAFKA_EVENTS_BOOTSTRAP_SERVERS and the broker's "
    "advertised.listeners.",
    KafkaError._TRANSPORT: "Check that Kafka is running and reachable.",
    KafkaError._ALL_BROKERS_DOWN: "Check that Kafka is running and reachable.",
}

# With TLS 1.3 a broker refuses our certificate after the handshake: the error is _TRANSPORT, not _SSL, and only its
# text tells ("ssl/tls alert certificate unknown").
_REFUSED_CERTIFICATE: Final = re.compile(r"alert (?:(?:bad )?certificate|unknown ca)")


def refuses_certificate(error: KafkaError) -> bool:
    """Whether the broker is there and doesn't like the certificate that we show."""
    return _REFUSED_CERTIFICATE.search(error.str()) is not None


NO_OFFSET: Final = (
    "Kafka: acknowledged an event without an offset, so it is not certain that it was stored; it is sent again, and what "
    "was on its way with it."
)


def must_go_again(error: KafkaError | None, message: Message) -> bool:
    """Whether a delivery report leaves open where its event is.

    An acknowledgement without an offset is librdkafka's guess: the broker took a later request, so it must have this one.
    One that didn't know the producer yet takes any (KIP-360), and had refused this one (measured: `NOT_ENOUGH_REPLICAS`
    for the first of four, which was reported as delivered and never stored).
    """
    return message.offset() is None if error is None else error.code() in SEND_AGAIN


def next_step(error: KafkaError) -> str:
    """What a person should do about an error, in one sentence; empty where there is nothing to advise."""
    if refuses_certificate(error):
        return "The broker refuses this app's own certificate. Check ssl.certificate.location and the dates in it."
    return _NEXT_STEPS.get(error.code(), "")


def end_of(
    topic: str, error: KafkaError | None, message: Message, scrubbed: Callable[[str], str]
) -> Delivery | Refusal:
    """What a delivery report says of an event for a topic, in words that `scrubbed` took the secrets out of."""
    if error is not None:
        return refusal(error, scrubbed)
    partition, offset = cast("int", message.partition()), cast("int", message.offset())
    return Delivery(topic=topic, partition=partition, offset=offset)


def refusal(error: KafkaError, scrubbed: Callable[[str], str]) -> Refusal:
    """The end of an event whose delivery report carries `error`, whose text `scrubbed` takes the secrets out of."""
    explanation = f"{scrubbed(error.str())}. {next_step(error)}".strip()
    return Refusal(dropped=False, reason=error.name(), explanation=explanation)
