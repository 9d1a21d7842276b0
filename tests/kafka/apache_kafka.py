"""One Apache Kafka (KRaft, a single node) on this machine, with its own console tools."""

from __future__ import annotations

import random
import re
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.leash import leashed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Half of the start-up time is the compiler's; a broker that lives for minutes doesn't need its second stage.
QUICK_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto")
START_SECONDS = 60
TOOL_SECONDS = 60

# Topics are never made by themselves: a mistyped one would be acknowledged. The session is short, because a killed
# broker may come back only when its last one is over: 12 s after the kill with the default of 9 s, 4 s with this.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
"""


def free_port() -> int:
    """A port to listen on, below those that the kernel gives to outgoing connections.

    One from above may be taken, while the broker is down, by the very clients that try to reach it again.
    """
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("None of 200 ports between 20000 and 32000 is free.")


def has_leaders(admin: AdminClient, topic: str, partitions: int) -> bool:
    """Whether each partition of a topic has a broker that leads it."""
    known = admin.list_topics(topic, timeout=TOOL_SECONDS).topics[topic].partitions
    return len(known) == partitions and all(partition.leader != -1 for partition in known.values())


@dataclass(kw_only=True, slots=True)
class ApacheKafka:
    """A broker that can be stopped and started again on the same port, with what it kept.

    Attributes:
        jars: the directory of Apache Kafka's jars.
        directory: where its data, settings and log go.
        heap: the most memory that its objects may take, as Java writes it.
        bootstrap: its address, for `bootstrap.servers`.
    """

    jars: Path
    directory: Path
    heap: str = "384m"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for `bootstrap.servers`; the same for ever, also while it is stopped."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.directory / "server.log"

    @property
    def settings(self) -> Path:
        """Its properties file."""
        return self.directory / "server.properties"

    def write_settings(self) -> None:
        """Write the properties file: once."""
        values = {"port": self.port, "controller_port": free_port(), "data": self.directory / "data"}
        self.settings.write_text(PROPERTIES.format(**values))

    def format(self) -> None:
        """Lay out the storage: once, before the first start."""
        cluster = str(uuid.uuid4())
        self.tool(
            "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.settings), "--standalone"
        )

    def start(self) -> None:
        """Start it and wait until it serves: 2 to 4 s."""
        self.launch()
        self.await_started()

    def launch(self) -> None:
        """Start it without waiting. Not in a thread that ends before it: the leash is that thread's."""
        if self.process is not None:
            raise RuntimeError(f"Apache Kafka at {self.bootstrap} is running already.")
        with self.log.open("wb") as log:
            command = self.java(f"-Xmx{self.heap}", "kafka.Kafka", str(self.settings))
            # In a session of its own, so that a terminal's Ctrl-C ends what uses it first.
            self.process = subprocess.Popen(
                leashed(*command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def await_started(self) -> None:
        """Wait until it serves."""
        deadline = time.monotonic() + START_SECONDS
        while "Kafka Server started" not in self.log.read_text():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Apache Kafka did not start ({self.log}):\n{self.complaints()}")
            time.sleep(0.02)

    def complaints(self) -> str:
        """What the log says of errors; where it says nothing of any, its end."""
        lines = self.log.read_text().splitlines()
        errors = [line for line in lines if re.search(r"ERROR|Exception|Error:", line)]
        return "\n".join(errors[:40] or lines[-40:])

    def stop(self) -> None:
        """Kill it, as a crash would: at once, and what it acknowledged is still there at the next start."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def end(self) -> None:
        """End it in good order, as a rolling restart does: it gives its partitions away first."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            process.wait(START_SECONDS)

    def java(self, memory: str, main: str, *arguments: str) -> list[str]:
        """The command line of a class in the jars."""
        return ["java", *QUICK_JVM, memory, "-cp", f"{self.jars}/*", main, *arguments]

    def tool(self, main: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one of Kafka's tools to its end and return what it printed: about 1 s.

        Raises:
            RuntimeError: if it failed, with all it said.
        """
        command = self.java("-Xmx128m", main, *arguments)
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=TOOL_SECONDS, check=False)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise RuntimeError(f"{main} {' '.join(arguments)} failed:\n{said}")
        return done.stdout

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Make a topic and wait until it takes records: 0.1 s.

        Raises:
            KafkaException: if the broker refused, because it is there already for example.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(TOOL_SECONDS)
        deadline = time.monotonic() + TOOL_SECONDS
        while not has_leaders(admin, name, partitions):
            if time.monotonic() > deadline:
                raise RuntimeError(f"Topic {name!r} has no leaders {TOOL_SECONDS} s after it was made.")
            time.sleep(0.01)

    def topics_command(self, *arguments: str) -> bytes:
        """`kafka-topics.sh` with these arguments."""
        return self.tool(
            "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.bootstrap, *arguments
        )

    def console_consume(self, topic: str, *arguments: str) -> bytes:
        """`kafka-console-consumer.sh` from the beginning; say `"--max-messages", "8"` to end it at once.

        Without, it ends when nothing came for the 10 s of its `--timeout-ms`.
        """
        common = ("--bootstrap-server", self.bootstrap, "--topic", topic, "--from-beginning")
        patience = () if "--timeout-ms" in arguments else ("--timeout-ms", "10000")
        main = "org.apache.kafka.tools.consumer.ConsoleConsumer"
        return self.tool(main, *common, *patience, *arguments)

    def console_produce(self, topic: str, lines: Iterable[str], *reader_properties: str) -> None:
        """`kafka-console-producer.sh` of these lines; `"parse.key=true", "key.separator=:"` give them keys."""
        common = ("--bootstrap-server", self.bootstrap, "--topic", topic)
        reader = [word for each in reader_properties for word in ("--reader-property", each)]
        text = "".join(f"{line}\n" for line in lines)
        self.tool("org.apache.kafka.tools.ConsoleProducer", *common, *reader, stdin=text.encode())
