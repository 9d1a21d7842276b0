"""Asks the brokers about themselves and about the topics that events go to."""

import socket
import time
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    OffsetSpec,
    TopicMetadata,
)

from flask_kafka_events.delivery.reports import UNREACHABLE, refuses_certificate
from flask_kafka_events.delivery.topics import Broker, admin_client
from flask_kafka_events.doctor.facts import Cluster, Partition, Topic

#: Seconds that a connection to a broker's own address may take.
CONNECT: Final = 3.0
_TURN: Final = 0.5
# What librdkafka tells by its error callback alone, while a question to the broker only runs out of time.
_DECISIVE: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001 - a public name
_AWAY: Final = UNREACHABLE | {KafkaError._RESOLVE, KafkaError._TIMED_OUT}  # noqa: SLF001 - as above
_HIDDEN: Final = KafkaError.TOPIC_AUTHORIZATION_FAILED
_UNSUPPORTED: Final = KafkaError._UNSUPPORTED_FEATURE  # noqa: SLF001 - as above


class NoAnswer(Exception):
    """The brokers can't be asked.

    Attributes:
        error: librdkafka's.
        is_away: whether that says no more than that nobody answers.
        open_at: an address of theirs where a connection is taken all the same; empty where there is none.
    """

    def __init__(self, error: KafkaError, *, open_at: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.is_away = error.code() in _AWAY and not refuses_certificate(error)
        self.open_at = open_at


def read_cluster(broker: Broker, names: Collection[str]) -> Cluster:
    """Ask the brokers.

    Raises:
        NoAnswer: they can't be asked.
    """
    errors: list[KafkaError] = []
    try:
        # In a variable: an AdminClient that is collected fails its own futures with _DESTROY.
        admin = admin_client({**broker.config, "error_cb": errors.append})
    except KafkaException as exception:
        raise NoAnswer(exception.args[0]) from None
    try:
        known = _metadata(admin, errors, broker.patience)
    except NoAnswer as refused:
        # Of a TLS listener that is asked in the clear librdkafka says that it is down, and no more.
        raise NoAnswer(refused.error, open_at=_open_address(broker.config["bootstrap.servers"])) from None
    return _Questions(admin, known, broker.patience).cluster(sorted(names))


def _metadata(admin: AdminClient, errors: list[KafkaError], patience: float) -> ClusterMetadata:
    deadline = time.monotonic() + patience
    while True:
        try:
            return admin.list_topics(timeout=min(_TURN, patience))
        except KafkaException as exception:
            errors.append(exception.args[0])
        admin.poll(0)
        decisive = [error for error in errors if _is_refusal(error)]
        if decisive or time.monotonic() >= deadline:
            raise NoAnswer((decisive or errors[1:] or errors)[0])


def _is_refusal(error: KafkaError) -> bool:
    return error.code() in _DECISIVE or refuses_certificate(error)


def _open_address(servers: str) -> str:
    addresses = [address.rpartition(":") for address in servers.split(",")]
    taken = (f"{host}:{port}" for host, _, port in addresses if not why_away((host.strip("[]"), int(port))))
    return next(taken, "")


class _Questions:
    """One conversation with the brokers; what isn't answered is left open."""

    def __init__(self, admin: AdminClient, known: ClusterMetadata, patience: float) -> None:
        self._admin = admin
        self._known = known
        self._patience = patience

    def cluster(self, names: list[str]) -> Cluster:
        """All that is asked for."""
        addresses = {number: (str(at.host), at.port) for number, at in self._known.brokers.items()}
        away = {number: why for number, address in addresses.items() if (why := why_away(address))}
        # Where nobody can be reached but for the metadata, each question would only run out of time.
        asked = [] if away.keys() == addresses.keys() else names
        configs = self._configs(min(addresses, default=1), asked) if asked else {}
        refusals = [error for error in configs.values() if isinstance(error, KafkaError)]
        # What doesn't know this question knows none of the later ones, and never answers (librdkafka's mock cluster).
        is_new = _UNSUPPORTED not in {error.code() for error in refusals}
        rights = self._rights(asked if is_new else [])
        newest = self._newest(asked if is_new else [])
        makes = _values(configs.get(None)).get("auto.create.topics.enable")
        unseen = [error for name, error in configs.items() if name in self._known.topics]
        return Cluster(
            addresses={number: f"{host}:{port}" for number, (host, port) in addresses.items()},
            away=away,
            topics=tuple(
                self._topic(name, _values(configs.get(name)), rights.get(name), newest.get(name))
                for name in asked
            ),
            makes_topics=None if makes is None else makes == "true",
            unseen=next((error.str() for error in unseen if isinstance(error, KafkaError)), ""),
        )

    def _topic(self, name: str, config: dict[str, str], rights: Any, newest: float | None) -> Topic:
        known = self._known.topics.get(name)
        allowed = getattr(rights, "authorized_operations", None)
        is_hidden = isinstance(rights, KafkaError) and rights.code() == _HIDDEN
        is_hidden |= known is not None and known.error is not None and known.error.code() == _HIDDEN
        return Topic(
            name=name,
            exists=known is not None and bool(known.partitions) and not is_hidden,
            is_hidden=is_hidden,
            partitions=() if known is None else _partitions(known),
            config=config,
            rights=None if allowed is None else frozenset(each.name for each in allowed),
            newest=newest,
        )

    def _configs(self, node: int, names: list[str]) -> dict[str | None, Any]:
        """The properties of each topic, and under None those of a broker."""
        kind = ConfigResource.Type
        resources: dict[ConfigResource, str | None] = {
            ConfigResource(kind.TOPIC, name): name for name in names
        }
        resources[ConfigResource(kind.BROKER, str(node))] = None
        futures = self._admin.describe_configs(list(resources), request_timeout=self._patience)
        return {resources[resource]: _answer(future) for resource, future in futures.items()}

    def _rights(self, names: list[str]) -> dict[str, Any]:
        ask = partial(self._admin.describe_topics, include_authorized_operations=True)
        futures = ask(TopicCollection(names), request_timeout=self._patience) if names else {}
        return {name: _answer(future) for name, future in futures.items()}

    def _newest(self, names: list[str]) -> dict[str, float]:
        newest: Any = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]  # it has no types
        wanted = {
            TopicPartition(name, number): newest
            for name in names
            for number in getattr(self._known.topics.get(name), "partitions", ())
        }
        futures = self._admin.list_offsets(wanted, request_timeout=self._patience) if wanted else {}
        # A partition without events says -1.
        ages = [
            (at.topic, getattr(_answer(future), "timestamp", -1) / 1000) for at, future in futures.items()
        ]
        return {name: max(age for whose, age in ages if whose == name) for name, _ in ages}


def _answer(future: "Future[Any]") -> Any:
    """What the brokers say, or their error."""
    try:
        return future.result()
    except KafkaException as exception:
        return exception.args[0]


def _values(answer: Any) -> dict[str, str]:
    entries = answer if isinstance(answer, dict) else {}
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def _partitions(known: TopicMetadata) -> tuple[Partition, ...]:
    return tuple(
        Partition(number=number, leader=each.leader, replicas=len(each.replicas), in_sync=len(each.isrs))
        for number, each in sorted(known.partitions.items())
    )


def why_away(address: tuple[str, int]) -> str:
    """Why nobody answers at a host and port; empty where somebody does."""
    try:
        with closing(socket.create_connection(address, timeout=CONNECT)):
            return ""
    except OSError as error:
        return error.strerror or str(error)
