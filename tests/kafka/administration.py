"""What an administrator does to a cluster: topics, rights, quotas, passwords, certificates, who leads what."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    PartitionMetadata,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.kafka.cluster import KafkaCluster

SECONDS = 30
QUIET = logging.getLogger("tests.kafka.administration")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Administration:
    """Of one cluster. Each call makes its own client: one that is kept would open sockets in other tests' time."""

    cluster: KafkaCluster

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        on: list[int] | None = None,
        min_in_sync: int = 1,
    ) -> None:
        """Make a topic whose records tell when they were stored, and wait until every broker knows it.

        Args:
            name: its name.
            partitions: how many.
            on: the brokers that hold each partition, the leader first; all three without it.
            min_in_sync: replicas that must have a record before it is acknowledged.
        """
        where: dict[str, Any] = (
            {"replication_factor": 3} if on is None else {"replica_assignment": [on] * partitions}
        )
        config = {"min.insync.replicas": str(min_in_sync), "message.timestamp.type": "LogAppendTime"}
        topic = NewTopic(name, partitions, config=config, **where)
        self._ask(lambda admin: admin.create_topics([topic])[name].result(SECONDS))
        self.await_in_sync(name, partitions=partitions, replicas=len(on or (1, 2, 3)))

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until no running broker knows it."""
        self._ask(lambda admin: admin.delete_topics([name])[name].result(SECONDS))
        wait_until(lambda: not any(map(len, self._seen(name))), f"{name} is deleted", seconds=SECONDS)

    def add_partitions(self, name: str, total: int) -> None:
        """Give a topic so many partitions."""
        self._ask(lambda admin: admin.create_partitions([NewPartitions(name, total)])[name].result(SECONDS))
        self.await_in_sync(name, partitions=total, replicas=3)

    def leader(self, name: str, partition: int = 0) -> int:
        """The broker that leads a partition, once there is one."""
        found: list[int] = []

        def is_led() -> bool:
            with suppress(KafkaException):
                known = self._partitions(self.cluster.bootstrap, name)
                found[:] = [known[partition].leader] if partition in known else [-1]
            return found[-1:] not in ([], [-1])

        wait_until(is_led, f"{name} [{partition}] has a leader", seconds=SECONDS)
        return found[0]

    def await_in_sync(self, name: str, *, partitions: int = 1, replicas: int = 3) -> None:
        """Wait until each running broker says that all replicas of a topic are in sync and led."""

        def is_so() -> bool:
            return all(
                len(known) == partitions
                and all(each.leader != -1 and len(each.isrs) == replicas for each in known.values())
                for known in self._seen(name)
            )

        wait_until(is_so, f"{name} is in sync", seconds=2 * SECONDS)

    def deny_writing(self, name: str, user: str) -> None:
        """Forbid a user to write to a topic."""
        self._ask(lambda admin: _result(admin.create_acls([_denial(AclBinding, name, user)])))

    def allow_writing(self, name: str, user: str) -> None:
        """Take that back."""
        self._ask(lambda admin: _result(admin.delete_acls([_denial(AclBindingFilter, name, user)])))

    def set_password(self, user: str, password: str) -> None:
        """Change a SCRAM user's password."""
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, how, password.encode())
        self._ask(lambda admin: _result(admin.alter_user_scram_credentials([change])))

    def set_certificate(self, pem: object) -> None:
        """Have every broker show this certificate to clients of SASL_SSL that connect from now on.

        A path may be given once only: a broker doesn't look at a file again that it knows.
        """
        name = "listener.name.sasl_ssl.ssl.keystore.location"
        entry = ConfigEntry(name, str(pem), incremental_operation=AlterConfigOpType.SET)
        for node in self.cluster.running():
            resource = ConfigResource(ConfigResource.Type.BROKER, str(node), incremental_configs=[entry])
            self._ask(lambda admin, each=resource: _result(admin.incremental_alter_configs([each])))  # type: ignore[misc]

    def set_quota(self, client: str, bytes_a_second: int | None) -> None:
        """Let a client (its `client.id`) produce so many bytes a second on each broker; None for no limit: 1.5 s."""
        change = (
            ("--delete-config", "producer_byte_rate")
            if bytes_a_second is None
            else ("--add-config", f"producer_byte_rate={bytes_a_second}")
        )
        whose = ("--entity-type", "clients", "--entity-name", client)
        where = ("--bootstrap-server", self.cluster.bootstrap)
        self.cluster.brokers[1].tool("kafka.admin.ConfigCommand", *where, "--alter", *change, *whose)

    def _seen(self, name: str) -> list[Mapping[int, PartitionMetadata]]:
        """The partitions of a topic as each running broker knows them; none where it doesn't answer."""
        brokers = [self.cluster.brokers[node] for node in self.cluster.running()]
        return [self._partitions(broker.bootstrap, name) for broker in brokers]

    def _partitions(self, bootstrap: str, name: str) -> Mapping[int, PartitionMetadata]:
        admin = AdminClient({"bootstrap.servers": bootstrap}, logger=QUIET)
        try:
            found = admin.list_topics(name, timeout=5).topics.get(name)
        except KafkaException:
            return {}
        return {} if found is None or found.error is not None else found.partitions

    def _ask(self, question: Callable[[AdminClient], object]) -> None:
        # In a variable: an AdminClient that is collected fails its own futures with _DESTROY.
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap}, logger=QUIET)
        question(admin)


def _denial(kind: Any, topic: str, user: str) -> Any:
    """A rule, or a filter for it: this user may not write to this topic, from any host."""
    literal = ResourcePatternType.LITERAL
    return kind(
        ResourceType.TOPIC, topic, literal, f"User:{user}", "*", AclOperation.WRITE, AclPermissionType.DENY
    )


def _result(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(SECONDS)
