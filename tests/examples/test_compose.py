"""compose.yaml, as far as it can be checked without an engine."""

import json
import subprocess
import sys
from pathlib import Path

from tests.parts import path_of, requires

COMPOSE = Path(__file__).resolve().parents[2] / "examples" / "game_api" / "compose.yaml"


def test_compose_file_obeys_the_specification() -> None:
    """The Compose specification's schema accepts it."""
    check = Path(sys.executable).with_name("check-jsonschema")
    subprocess.run(
        [str(check), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)], check=True, timeout=60
    )


@requires("docker-compose")
def test_compose_file_makes_the_topic_before_the_game() -> None:
    """docker-compose accepts it: the topic waits for a healthy Kafka, the game for the topic."""
    command = [path_of("docker-compose") or "docker-compose", "-f", str(COMPOSE), "config"]
    config = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert "service_healthy" in config
    assert "service_completed_successfully" in config
    assert "--topic=game_users_events" in config
    assert json.dumps("--partitions=1")[1:-1] in config
    assert "--replication-factor=1" in config
