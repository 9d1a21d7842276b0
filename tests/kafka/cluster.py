"""Three Apache Kafka brokers (KRaft, each also a controller) that can be killed, stopped and started one by one."""

from __future__ import annotations

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.kafka.apache_kafka import ApacheKafka, free_port
from tests.kafka.certificates import Authority
from tests.kafka.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

USER: Final = "app"
PASSWORD: Final = "correct-horse"

# ANONYMOUS are the clients of PLAINTEXT, the brokers among them. The sessions are short, so that a leader that was
# killed is replaced after 2 s and not after 9; a log is closed in good order or not at all, as it comes.
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind_proxy},SASL_SSL://127.0.0.1:{secure},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy},SASL_SSL://127.0.0.1:{secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={controllers}
controller.quorum.fetch.timeout.ms=1000
log.dirs={data}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location={keystore}
listener.name.sasl_ssl.ssl.truststore.type=PEM
listener.name.sasl_ssl.ssl.truststore.location={truststore}
listener.name.sasl_ssl.ssl.client.auth=requested
ssl.allow.san.changes=true
ssl.allow.dn.changes=true
auto.create.topics.enable=false
unclean.leader.election.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=3
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
num.recovery.threads.per.data.dir=2
"""


def kafka_uuid() -> str:
    """A random id as Kafka writes it; none begins with a dash, which its tools would read as an option."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


@dataclass(kw_only=True, slots=True)
class Ports:
    """Where one broker listens."""

    controller: int = field(default_factory=free_port)
    secure: int = field(default_factory=free_port)
    behind_proxy: int = field(default_factory=free_port)


@dataclass(kw_only=True, slots=True)
class KafkaCluster:
    """Three brokers, numbered from 1. Use it as a context: entering it takes 10 s.

    Attributes:
        jars: the directory of Apache Kafka's jars.
        directory: where data, settings, logs and certificates go.
        authority: signs certificates that the brokers trust.
        proxies: one before each broker, for clients that bootstrap from `proxied`.
    """

    jars: Path
    directory: Path
    authority: Authority = field(init=False)
    brokers: dict[int, ApacheKafka] = field(init=False)
    ports: dict[int, Ports] = field(default_factory=lambda: {node: Ports() for node in (1, 2, 3)})
    proxies: dict[int, Proxy] = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority(directory=self.directory)
        folders = {node: self.directory / f"broker-{node}" for node in self.ports}
        self.brokers = {
            node: ApacheKafka(jars=self.jars, directory=folder, heap="256m")
            for node, folder in folders.items()
        }
        self.proxies = {node: Proxy(ports.behind_proxy) for node, ports in self.ports.items()}

    @property
    def bootstrap(self) -> str:
        """The addresses for `bootstrap.servers`, without encryption and with every right."""
        return ",".join(broker.bootstrap for broker in self.brokers.values())

    @property
    def secure(self) -> str:
        """The addresses where SASL_SSL is spoken, and ACLs hold."""
        return ",".join(f"127.0.0.1:{ports.secure}" for ports in self.ports.values())

    @property
    def proxied(self) -> str:
        """The addresses of the proxies."""
        return ",".join(proxy.address for proxy in self.proxies.values())

    def __enter__(self) -> KafkaCluster:
        self.authority.begin()
        self._write_settings(self.authority.sign("broker"))
        self._format()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(*self.brokers)
        for proxy in self.proxies.values():
            proxy.close()

    def kill(self, *nodes: int) -> None:
        """Kill these brokers with -9."""
        for node in nodes:
            self.brokers[node].stop()

    def end(self, *nodes: int) -> None:
        """End these brokers in good order."""
        for node in nodes:
            self.brokers[node].end()

    def start(self, *nodes: int) -> None:
        """Start those of these brokers that don't run (all, if none is named), together, and wait until they serve.

        Two of three must run, or be among them: fewer controllers agree on nothing.
        """
        waking = [self.brokers[node] for node in nodes or self.brokers if self.brokers[node].process is None]
        for broker in waking:
            broker.launch()
        for broker in waking:
            broker.await_started()

    def running(self) -> list[int]:
        """The brokers that run."""
        return [node for node, broker in self.brokers.items() if broker.process is not None]

    def _write_settings(self, certificate: Path) -> None:
        controllers = ",".join(f"127.0.0.1:{ports.controller}" for ports in self.ports.values())
        for node, broker in self.brokers.items():
            broker.directory.mkdir()
            values = {"node": node, "port": broker.port, "data": broker.directory / "data"}
            ports = self.ports[node]
            text = PROPERTIES.format(
                **values,
                controllers=controllers,
                controller=ports.controller,
                secure=ports.secure,
                behind_proxy=ports.behind_proxy,
                proxy=self.proxies[node].port,
                keystore=certificate,
                truststore=self.authority.certificate,
            )
            broker.settings.write_text(text)

    def _format(self) -> None:
        ids = {node: kafka_uuid() for node in self.brokers}
        controllers = ",".join(
            f"{node}@127.0.0.1:{self.ports[node].controller}:{ids[node]}" for node in self.brokers
        )
        common = ("-t", str(uuid.uuid4()), "--initial-controllers", controllers)
        scram = ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]")

        def lay_out(broker: ApacheKafka) -> None:
            broker.tool("kafka.tools.StorageTool", "format", *common, "-c", str(broker.settings), *scram)

        with ThreadPoolExecutor() as pool:
            _all(pool.map(lay_out, self.brokers.values()))


def _all(results: Iterable[None]) -> None:
    for _ in results:
        pass
