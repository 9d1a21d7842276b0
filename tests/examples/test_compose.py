"""compose.yaml, as far as it can be checked without an engine."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

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


@requires("docker-compose")
def test_the_speed_layer_comes_with_its_profile_alone() -> None:
    """The profile `live` adds one service, which waits for the topic and shares the game's database by a volume."""
    compose = [path_of("docker-compose") or "docker-compose", "-f", str(COMPOSE), "config"]
    text = subprocess.run(compose, check=True, capture_output=True, text=True, timeout=60).stdout
    config = yaml.safe_load(text)
    services = config["services"]
    assert {name: each.get("profiles", []) for name, each in services.items()} == {
        "kafka": [], "topic": [], "game": [], "speed-layer": ["live"],
    }  # fmt: skip
    game, speed_layer = services["game"], services["speed-layer"]
    assert speed_layer["depends_on"] == {"topic": {"condition": "service_completed_successfully"}}
    assert game["volumes"] == speed_layer["volumes"] == ["results:/var/lib/game:rw"]
    assert "results" in config["volumes"]
    shared = ("FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS", "GAME_SPEED_LAYER_DB")
    for name in shared:
        assert game["environment"][name] == speed_layer["environment"][name]
    for name in ("GAME_SPEED_LAYER_DB", "GAME_SPEED_LAYER_STATE"):
        assert speed_layer["environment"][name].startswith("/var/lib/game/")
