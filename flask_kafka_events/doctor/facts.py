"""What the brokers tell of themselves and of the topics that events go to."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """One partition.

    Attributes:
        number: its.
        leader: the broker that takes its events; -1 for none.
        replicas: how many brokers keep it.
        in_sync: how many of them have all of it.
    """

    number: int
    leader: int
    replicas: int
    in_sync: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """What is known of a topic.

    Attributes:
        name: its.
        exists: False where the brokers know none of that name, or this user may not see it.
        is_hidden: whether this user has no right to see it.
        partitions: all of them.
        config: its properties; empty where they can't be seen.
        rights: what this user may do with it, in Kafka's words; None where nobody tells.
        newest: the timestamp of its newest event, in seconds since 1970; None where there is none, or nobody tells.
    """

    name: str
    exists: bool = True
    is_hidden: bool = False
    partitions: tuple[Partition, ...] = ()
    config: Mapping[str, str]
    rights: frozenset[str] | None = None
    newest: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """What is known of the brokers.

    Attributes:
        addresses: where each says that it is to be reached, by number.
        away: the numbers of those that nobody answers at, with why.
        topics: the ones that were asked for.
        makes_topics: whether an unknown topic is made at its first event; None where that can't be seen.
        unseen: why the properties of topics can't be seen; empty where they can.
    """

    addresses: Mapping[int, str]
    away: Mapping[int, str]
    topics: tuple[Topic, ...]
    makes_topics: bool | None
    unseen: str
