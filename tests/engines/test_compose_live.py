"""The services of compose.yaml without an engine: the same processes with the same settings."""

import json
import sqlite3
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.examples.composed import (
    ROOT,
    Composed,
    composed_kafka,
    composed_service,
    wait_until_healthy,
)
from tests.examples.speed_member import ENVIRONMENT, make_environment
from tests.kafka.apache_kafka import ApacheKafka
from tests.parts import need
from tests.processes import wait_until

SCRIPTS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Composed:
    """The file, with a directory and ports of its own."""
    return Composed.read(tmp_path_factory.mktemp("composed"))


@pytest.fixture(scope="module")
def kafka(composed: Composed) -> Iterator[ApacheKafka]:
    """Its Kafka, with the topic."""
    need("java", "maven")
    with composed_kafka(composed) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def game(composed: Composed, kafka: ApacheKafka) -> Iterator[str]:
    """Its game, once it is healthy."""
    with composed_service(composed, "game", scripts=SCRIPTS):
        wait_until_healthy(composed, "game")
        yield f"http://{composed.host_address('5000')}"


def test_the_game_s_events_are_on_its_kafka(game: str, composed: Composed, kafka: ApacheKafka) -> None:
    """What is bought there can be read at the address that README's kcat line has."""
    get(f"{game}/purchase_a_sword?player=ana")
    address = composed.host_address("29092")
    read = kafka.tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server", address, "--topic", "game_users_events", "--from-beginning", "--max-messages", "1",
        "--timeout-ms", "20000",
    )  # fmt: skip
    assert read == b"purchased_sword\n"


def test_the_speed_layer_s_results_are_where_the_game_reads_them(game: str, composed: Composed) -> None:
    """It counts what is bought into the database that both services name."""
    make_environment()
    database = Path(composed.environment("game")["GAME_SPEED_LAYER_DB"])
    with composed_service(composed, "speed-layer", scripts=ENVIRONMENT / "bin"):
        for _ in range(3):
            get(f"{game}/purchase_a_knife?player=bo")
        wait_until(lambda: knives_of(database, "bo") == 3, "three knives are counted", seconds=60)
        # Ten of them are in one minute, wherever that begins.
        for _ in range(19):
            get(f"{game}/purchase_a_sword?player=ana")
        assert "ana" in alerted(game)


def alerted(game: str) -> str:
    """What the live page is told, as soon as there is an alert that Kafka has."""
    with urllib.request.urlopen(f"{game}/live/stream", timeout=60) as stream:  # noqa: S310 - our own address
        for line in stream:
            told = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: {") else {}
            results = told.get("speed_layer") or {"alerts": []}
            for alert in results["alerts"]:
                if alert["announced"] is not None:
                    return str(alert["player"])
    raise AssertionError("The stream ended, and no alert came.")


def knives_of(database: Path, player: str) -> int:
    """What the speed layer has counted of them by now."""
    if not database.exists():
        return 0
    query = "SELECT SUM(purchases) FROM totals WHERE player = ? AND type = 'purchased_knife'"
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            (number,) = connection.execute(query, (player,)).fetchone()
    except sqlite3.OperationalError:  # its tables aren't made yet
        return 0
    return int(number or 0)


def get(url: str) -> None:
    """Ask the game, which answers with a success."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
        assert answer.status == 200


def test_each_image_can_be_built_of_what_is_here(composed: Composed) -> None:
    """Each service that is built names a Dockerfile and a lock that are here, and each file that is copied is."""
    for name, service in composed.services.items():
        build = service.get("build")
        if build is None:
            continue
        lock = build.get("args", {}).get("LOCK", "game")
        dockerfile = (ROOT / build["dockerfile"]).read_text().replace("${LOCK}", lock)
        copied = [line.split()[1:-1] for line in dockerfile.splitlines() if line.startswith("COPY ")]
        for file in (file for files in copied for file in files):
            assert (ROOT / file).exists(), (name, file)
