"""Whether the brokers' topics take this app's events, and keep them."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from flask_kafka_events.doctor.facts import Cluster, Topic
from flask_kafka_events.doctor.finding import Check, Finding
from flask_kafka_events.settings import Settings

MISSING: Final = Check(
    name="topic-missing",
    severity="error",
    finds="A topic that events go to doesn't exist. (A warning where the brokers make topics by themselves: a mistyped one "
    "then doesn't show.)",
    next_step="Create it: flask kafka-events topics create NAME, or correct the name.",
)
RIGHTS: Final = Check(
    name="topic-rights",
    severity="error",
    finds="The app's user may not see or write a topic.",
    next_step="Give the app's user the WRITE and DESCRIBE rights on the topic.",
)
LEADER: Final = Check(
    name="topic-leader",
    severity="error",
    finds="A partition without a leader: its events wait.",
    next_step="Start the brokers that keep it.",
)
REPLICAS: Final = Check(
    name="topic-replicas",
    severity="warning",
    finds="Fewer replicas than `min.insync.replicas` (an error: no event is taken), so few that the loss of one broker loses "
    "acknowledged events, or so few that its restart stops all emits.",
    next_step="Give the topic three replicas and min.insync.replicas=2, where there are three brokers.",
)
PARTITIONS: Final = Check(
    name="topic-partitions",
    severity="note",
    finds="Fewer partitions than brokers: some of them have nothing to do.",
    next_step="Create topics with more partitions. Adding some later moves keys, and breaks their order once.",
)
MAX_BYTES: Final = Check(
    name="topic-max-message-bytes",
    severity="warning",
    finds="A topic's `max.message.bytes` below `MAX_EVENT_BYTES`: a large event gets a place here, and the broker refuses it.",
    next_step="Raise the topic's max.message.bytes, or lower KAFKA_EVENTS_MAX_EVENT_BYTES.",
)
COMPACTION: Final = Check(
    name="topic-compaction",
    severity="error",
    finds="An event without a key for a topic with `cleanup.policy=compact`, which refuses those.",
    next_step="Give the decorator a key, or the topic cleanup.policy=delete.",
)
UNSEEN: Final = Check(
    name="topic-unseen",
    severity="note",
    finds="The brokers don't show this user the topics' properties, so that three checks above can't look.",
    next_step="Run doctor as a user with the DESCRIBE_CONFIGS right on the topics.",
)
CLOCK: Final = Check(
    name="clock",
    severity="warning",
    finds="A topic's newest event is from the future: this machine's clock is behind, or another's is ahead. (Kafka has no "
    "question for the time, so a clock that is ahead here shows only elsewhere.) Kafka refuses events that are an hour "
    "ahead of its own.",
    next_step="Run a time service (chrony, systemd-timesyncd) on this machine and the brokers.",
)

CHECKS: Final = (MISSING, RIGHTS, LEADER, REPLICAS, PARTITIONS, MAX_BYTES, COMPACTION, UNSEEN, CLOCK)

_BATCH_BYTES: Final = 100  # the protocol's own around one event: 61 for the batch, some 30 for the record
_CLOCK_SECONDS: Final = 60


def check_topics(cluster: Cluster, settings: Settings, keyless: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong with the topics.

    Args:
        cluster: what the brokers tell.
        settings: the app's.
        keyless: for each topic the type of an event that goes there without a key, where there is one.
    """
    for topic in cluster.topics:
        if topic.exists:
            yield from _partitions(topic, len(cluster.addresses))
            yield from _config(topic, settings, keyless.get(topic.name))
            yield from _rights(topic)
        else:
            yield _absent(topic, makes_topics=cluster.makes_topics is True)
    if cluster.unseen:
        yield UNSEEN.found(f"Kafka: {cluster.unseen}.", where="the app's user")


def _absent(topic: Topic, *, makes_topics: bool) -> Finding:
    where = _where(topic)
    if topic.is_hidden:
        return RIGHTS.found("The app's user may not see it, or it doesn't exist.", where=where)
    step = f"Create it: flask kafka-events topics create {topic.name}, or correct the name."
    if makes_topics:
        problem = "It doesn't exist. Its first event makes it, with the brokers' defaults."
        return MISSING.found(problem, where=where, severity="warning", next_step=step)
    return MISSING.found("It doesn't exist.", where=where, next_step=step)


def _partitions(topic: Topic, brokers: int) -> Iterator[Finding]:
    leaderless = [each.number for each in topic.partitions if each.leader < 0]
    if leaderless:
        numbers = ", ".join(map(str, leaderless))
        yield LEADER.found(f"No broker leads its partition(s) {numbers}.", where=_where(topic))
    if len(topic.partitions) < brokers:
        problem = f"It has {len(topic.partitions)} partition(s) on {brokers} brokers."
        yield PARTITIONS.found(problem, where=_where(topic))
    replicas = min(each.replicas for each in topic.partitions)
    in_sync = min(each.in_sync for each in topic.partitions)
    needed = int(topic.config.get("min.insync.replicas", 1))
    has_needed = "min.insync.replicas" in topic.config
    if in_sync < needed:
        problem = f"{in_sync} of {replicas} replica(s) are in sync, and {needed} must be: it takes no event."
        step = "Start the other brokers, or lower the topic's min.insync.replicas."
        yield REPLICAS.found(problem, where=_where(topic), severity="error", next_step=step)
    elif brokers > 1 and replicas == 1:
        yield REPLICAS.found("One broker alone keeps it, and with that its events go.", where=_where(topic))
    elif has_needed and replicas > 1 and needed == 1:
        problem = "min.insync.replicas is 1: an event may be acknowledged that one broker alone has."
        yield REPLICAS.found(problem, where=_where(topic))
    elif has_needed and replicas > 1 and needed == replicas:
        problem = f"All its {replicas} replicas must be in sync: the restart of one broker stops every emit."
        yield REPLICAS.found(problem, where=_where(topic))


def _config(topic: Topic, settings: Settings, keyless: str | None) -> Iterator[Finding]:
    largest = topic.config.get("max.message.bytes")
    if largest is not None and int(largest) < settings.max_event_bytes + _BATCH_BYTES:
        yield MAX_BYTES.found(
            f"Its max.message.bytes is {largest}, and an event may have {settings.max_event_bytes} bytes.",
            where=_where(topic),
        )
    if keyless is not None and "compact" in topic.config.get("cleanup.policy", ""):
        problem = f"It is compacted, and event {keyless!r} has no key: each is refused."
        yield COMPACTION.found(problem, where=_where(topic))
    if topic.newest is not None and topic.newest > time.time() + _CLOCK_SECONDS:
        ahead = topic.newest - time.time()
        problem = f"Its newest event is from {ahead:.0f} s ahead of this machine's clock."
        yield CLOCK.found(problem, where=_where(topic))


def _rights(topic: Topic) -> Iterator[Finding]:
    if topic.rights is not None and not topic.rights & {"WRITE", "ALL"}:
        yield RIGHTS.found("The app's user may not write to it.", where=_where(topic))


def _where(topic: Topic) -> str:
    return f"topic {topic.name!r}"
