"""Whether the app gets to its brokers."""

from collections.abc import Iterator
from typing import Final

from flask_kafka_events.delivery.reports import next_step
from flask_kafka_events.doctor.cluster import NoAnswer
from flask_kafka_events.doctor.facts import Cluster
from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.errors import KafkaEventsError

UNREACHABLE: Final = Check(
    name="broker-unreachable",
    severity="error",
    finds="No broker answers at the addresses of the settings, or the embedded broker can't be started.",
    next_step="Check that Kafka is running, and host and port in KAFKA_EVENTS_BOOTSTRAP_SERVERS.",
)
REFUSES: Final = Check(
    name="broker-refuses",
    severity="error",
    finds="A broker is there and doesn't let the app in: encryption, certificate, user or password.",
    next_step="Compare security.protocol in KAFKA_EVENTS_PRODUCER with what the listener speaks, and read the broker's log.",
)
CREDENTIALS: Final = Check(
    name="credentials",
    severity="error",
    finds="`KAFKA_EVENTS_CREDENTIALS` raises, or gives something else than a user and a password. (It is called without an "
    "app context, as in production.)",
    next_step="Have the function return two texts, and raise nothing.",
)
ADVERTISED: Final = Check(
    name="advertised-address",
    severity="error",
    finds="A broker that says it is to be reached where this machine finds nobody: Kafka's `advertised.listeners`, in "
    "containers most of all.",
    next_step="Have advertised.listeners name an address that the app's machine reaches, or start that broker.",
)

CHECKS: Final = (UNREACHABLE, REFUSES, CREDENTIALS, ADVERTISED)

_SERVERS: Final = "KAFKA_EVENTS_BOOTSTRAP_SERVERS"


def no_answer(refused: NoAnswer) -> Finding:
    """What it means that the brokers can't be asked."""
    problem = f"Kafka: {refused.error.str()} ({refused.error.name()})."
    if refused.is_away and refused.open_at:
        problem = f"Connections to {refused.open_at} are taken, and no question is answered. {problem}"
        return REFUSES.found(problem, where=_SERVERS)
    check = UNREACHABLE if refused.is_away else REFUSES
    return check.found(problem, where=_SERVERS, next_step=next_step(refused.error))


def not_asked(error: KafkaEventsError) -> Finding:
    """What it means that there is nobody to ask: credentials can't be had, or there is no embedded broker."""
    text = str(error)
    if "KAFKA_EVENTS_CREDENTIALS" in text:
        return CREDENTIALS.found(text, where="KAFKA_EVENTS_CREDENTIALS")
    return UNREACHABLE.found(text, where=_SERVERS)


def check_cluster(cluster: Cluster) -> Iterator[Finding]:
    """What is wrong with the brokers themselves."""
    for number, why in cluster.away.items():
        address = cluster.addresses[number]
        yield ADVERTISED.found(f"Broker {number} says it is at {address}: {why}.", where=address)
