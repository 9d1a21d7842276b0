"""compose.yaml on this machine: each service's command and environment, with hosts, ports and directories of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.kafka.apache_kafka import ApacheKafka, free_port
from tests.kafka.jars import kafka_jars
from tests.leash import leashed
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "examples" / "game_api"
COMPOSE: Final = FOLDER / "compose.yaml"

#: What the scripts of Kafka's image run.
_TOOLS: Final = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}
#: A host of the file, or none, and one of its ports.
_ADDRESS: Final = re.compile(r"(?:kafka|127\.0\.0\.1|0\.0\.0\.0)?:(\d{4,5})\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """The services of the file.

    Attributes:
        services: by name, as they stand in the file.
        directory: in place of the root of the containers' file systems, for what they write.
        ports: those of this machine, by those of the file.
    """

    services: dict[str, Any]
    directory: Path
    ports: dict[str, int]

    @classmethod
    def read(cls, directory: Path) -> Composed:
        """The file as it is, with free ports in place of its own."""
        services = yaml.safe_load(COMPOSE.read_text())["services"]
        ports = sorted(set(_ADDRESS.findall(COMPOSE.read_text())))
        return cls(services=services, directory=directory, ports={each: free_port() for each in ports})

    def here(self, text: str) -> str:
        """What a service is told, as it is on this machine."""
        text = _ADDRESS.sub(lambda found: f"127.0.0.1:{self.ports[found[1]]}", text)
        return text.replace("/var/lib/", f"{self.directory}/var/lib/")

    def environment(self, service: str) -> dict[str, str]:
        """A service's variables."""
        return {name: self.here(str(value)) for name, value in self.services[service]["environment"].items()}

    def command(self, service: str) -> list[str]:
        """A service's command: its own, or the one of its image."""
        words: list[str] = self.services[service].get("command") or image_command()
        return [self.here(word) for word in words]

    def check(self, service: str) -> list[str]:
        """The command that says whether a service is healthy."""
        kind, *words = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return [self.here(word) for word in words]

    def host_address(self, port: str) -> str:
        """Where this machine reaches a port that a service publishes."""
        return f"127.0.0.1:{self.ports[port]}"


def image_command() -> list[str]:
    """The command of the game's image."""
    found = re.search(r"^CMD (.*)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return words


@contextmanager
def composed_kafka(composed: Composed) -> Iterator[ApacheKafka]:
    """The service `kafka`, once it is healthy, with the topic that the service `topic` makes."""
    kafka = ApacheKafka(jars=kafka_jars(), directory=composed.directory)
    # The image makes properties of its variables so, formats the storage, and starts.
    properties = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in composed.environment("kafka").items()
    }
    properties["log.dirs"] = str(composed.directory / "data")
    kafka.settings.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    kafka.tool("kafka.tools.StorageTool", "format", "-t", str(uuid.uuid4()), "-c", str(kafka.settings))
    try:
        kafka.start()
        for words in (composed.check("kafka"), composed.command("topic")):
            kafka.tool(_TOOLS[Path(words[0]).name], *words[1:])
        yield kafka
    finally:
        kafka.stop()


@contextmanager
def composed_service(composed: Composed, service: str, *, scripts: Path) -> Iterator[Path]:
    """A service made of our own image, until the block is left; gives its log.

    Args:
        composed: the file.
        service: its name there.
        scripts: the directory with the programs that its image would have.
    """
    (composed.directory / "var" / "lib" / "game").mkdir(parents=True, exist_ok=True)
    log = composed.directory / f"{service}.log"
    program, *words = composed.command(service)
    with log.open("wb") as said:
        process = subprocess.Popen(
            leashed(str(scripts / program), *words), cwd=ROOT, stdout=said, stderr=said,
            env={**os.environ, **composed.environment(service)},
        )  # fmt: skip
    try:
        yield log
    finally:
        process.terminate()  # as `docker compose down` does
        process.wait(30)


def wait_until_healthy(composed: Composed, service: str) -> None:
    """Wait until a service's own check says so."""
    program, *words = composed.check(service)
    assert program == "python"

    def is_healthy() -> bool:
        done = subprocess.run([sys.executable, *words], check=False, capture_output=True, timeout=10)
        return done.returncode == 0

    wait_until(is_healthy, f"{service} is healthy", seconds=30)
