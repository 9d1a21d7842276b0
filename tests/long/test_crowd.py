"""The crowd: nothing is lost, the sums agree, and where something is lost it is seen."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.crowd.brokers import why_not_apache_kafka
from examples.crowd.environment import python_of_the_generator
from examples.crowd.ledger import read_ledger
from examples.game_api.app import TOPIC
from flask_kafka_events.embedded import join
from tests.examples.pages import blocks_of
from tests.processes import wait_until
from tests.servers.serving import ROOT, serving

CROWD = [sys.executable, "-m", "examples.crowd"]
PAGE = ROOT / "docs" / "how-to" / "crowd.md"
#: Two places in the queue, of which one topic has one, taken for half a second by each event.
NARROW = {
    "FLASK_KAFKA_EVENTS_QUEUE_EVENTS": "2",
    "FLASK_KAFKA_EVENTS_PRODUCER": json.dumps({"linger.ms": 500}),
}
STORY = """
import json, sys
from argparse import Namespace
from statistics import median
from examples.crowd.habits import PLAYERS
from locust.env import Environment

told = {}
for number, kind in enumerate(PLAYERS):
    kind.numbers, kind.host = iter([number]), "http://127.0.0.1:1"
    environment = Environment(parsed_options=Namespace(crowd="c", seed=sys.argv[1]))
    player = kind(environment)
    player.on_start()
    told[kind.__name__] = {
        "wishes": [player.wish() for _ in range(2000)],
        "pause": median(player.wait_time() for _ in range(2000)),
        "usual_pause": kind.usual_pause,
    }
print(json.dumps(told))
"""


@contextmanager
def crowd(*words: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A crowd in a session of its own, as a terminal would have it."""
    process = subprocess.Popen(
        [*CROWD, *words], cwd=ROOT, env={**os.environ, **environment}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def run(*words: str, **environment: str) -> tuple[int, str, str]:
    """A crowd to its end: its exit status, and what it printed and complained."""
    with crowd(*words, **environment) as process:
        printed, complained = process.communicate(timeout=120)
        return process.returncode, printed, complained


def number(pattern: str, printed: str) -> int:
    """The number that stands in a summary."""
    found = re.search(pattern, printed, re.MULTILINE)
    assert found is not None, printed
    return int(found[1].replace(",", ""))


def shape(text: str) -> str:
    """What was printed, whatever its figures."""
    return re.sub(r"\d[\d,.:]*", "#", text.strip())


def shown(beginning: str) -> str:
    """The page's output that begins so."""
    outputs = [block.text for block in blocks_of(PAGE) if not block.language]
    (output,) = (text for text in outputs if text.startswith(beginning))
    return output


def on_a_terminal(*words: str) -> tuple[int, str, str]:
    """A crowd whose standard error is a terminal."""
    ours, its = pty.openpty()
    drawn: list[bytes] = []

    def follow() -> None:
        try:
            while True:
                drawn.append(os.read(ours, 4096))
        except OSError:  # the other end is closed
            return

    following = threading.Thread(target=follow)
    with subprocess.Popen(
        [*CROWD, *words], cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=its, text=True
    ) as process:
        os.close(its)
        following.start()
        printed, _ = process.communicate(timeout=120)
    following.join()
    os.close(ours)
    return process.returncode, printed, b"".join(drawn).decode()


def test_nothing_is_lost_and_the_sums_agree() -> None:
    """What players were answered is on the topic and in the workers' ledgers; a bar tells how far it is, the page how it looks."""
    python_of_the_generator()
    status, printed, drawn = on_a_terminal("--players", "10", "--seconds", "5", "--seed", "7")
    assert status == 0, printed + drawn
    requests = number(r"^requests +([\d,]+)", printed)
    assert requests > 10
    assert number(r"^topic +([\d,]+)", printed) == requests
    assert number(r"^ledger +emitted ([\d,]+)", printed) == requests
    assert number(r"= delivered ([\d,]+) \+ undecided 0$", printed) == requests
    assert number(r"^lost +([\d,]+)$", printed) == 0
    assert re.search(r"playing +\[#+-*\].*\d+ requests, 0 refused, \d+ events", drawn)
    assert shape(shown("Apache Kafka at")) == shape(printed) or why_not_apache_kafka()


def test_a_loss_is_seen() -> None:
    """Where the queue has one place, answered requests have no event: how many is told, with the reason, and the status is 1."""
    status, printed, _ = run("--players", "10", "--seconds", "3", "--embedded", **NARROW)
    assert status == 1
    lost = number(r"^lost +([\d,]+)$", printed)
    assert lost > 0
    assert (
        number(r"^not well: ([\d,]+) event\(s\) of answered requests are not on the topic", printed) == lost
    )
    assert number(r"dropped: queue_full ([\d,]+)", printed) == lost
    assert number(r"^requests +([\d,]+)", printed) == number(r"^topic +([\d,]+)", printed) + lost
    assert shape(shown("the embedded broker at")) == shape(printed)


def test_ctrl_c_ends_it_with_the_summary(tmp_path: Path) -> None:
    """Ctrl-C sends the players home early; the summary comes all the same, and nothing is lost. No Java is told loudly."""
    (tmp_path / "ps").symlink_to("/bin/ps")
    with crowd("--players", "5", "--seconds", "600", PATH=str(tmp_path), TMPDIR=str(tmp_path)) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        (log,) = tmp_path.glob("crowd-*/game.log")
        metrics = log.parent / "metrics"
        wait_until(lambda: read_ledger(metrics).emitted > 0, "they play", seconds=30)
        os.killpg(process.pid, signal.SIGINT)
        printed, complained = process.communicate(timeout=60)
    assert "Ctrl-C ends it sooner" in first[1]
    assert process.returncode == 0, printed + complained
    assert "NO APACHE KAFKA: java is missing. To get it: " in complained
    assert number(r"^requests +([\d,]+)", printed) == number(r"^topic +([\d,]+)", printed) > 0
    assert number(r"^lost +([\d,]+)$", printed) == 0
    assert not list(tmp_path.glob("crowd-*")), "its folder is gone"


def test_a_game_that_runs_already_is_driven(tmp_path: Path) -> None:
    """With --url and --bootstrap the crowd plays that game and reads that topic, and both go on afterwards."""
    with join(tmp_path, linger=0.5) as lease:
        lease.create_topic(TOPIC)
        command = (
            "gunicorn",
            "-b",
            "127.0.0.1:PORT",
            "-k",
            "gthread",
            "--threads",
            "4",
            "--keep-alive",
            "30",
        )
        where = {"FLASK_KAFKA_EVENTS_BOOTSTRAP_SERVERS": lease.address}
        with serving("", tmp_path, *command, "examples.game_api:create_app()", **where) as server:
            server.get("/?player=somebody")
            status, printed, complained = run(
                "--players", "5", "--seconds", "3", "--url", server.address, "--bootstrap", lease.address
            )
            assert server.get("/health") == "ok\n"
            server.end(signal.SIGTERM)
    assert status == 0, printed + complained
    assert number(r"^requests +([\d,]+)", printed) == number(r"^topic +([\d,]+)", printed) > 0
    assert "ledger    not read: the game isn't ours" in printed


def test_a_game_that_does_not_start_says_why() -> None:
    """A setting that the game refuses ends the crowd with the library's own words."""
    status, _, complained = run("--embedded", FLASK_KAFKA_EVENTS_ON_FUL="drop")
    assert status == 1
    assert "The game didn't start.\n" in complained
    assert "KAFKA_EVENTS_ON_FULL" in complained
    assert "Traceback" not in complained


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--url", "http://127.0.0.1:1"], "--url needs --bootstrap"),
        (["--players", "0"], "0 is not in the range x>=1"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], told: str) -> None:
    """A mistyped command line ends before anything is started."""
    status, _, complained = run(*words)
    assert status == 2
    assert told in complained


def test_habits() -> None:
    """A player comes by first, joins the guild once, pauses as usual, and is the same for the same seed."""

    def story(seed: str) -> dict[str, dict[str, list[str]]]:
        command = [str(python_of_the_generator()), "-c", STORY, seed]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=60)
        told: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
        return told

    told = story("1")
    for habits in told.values():
        assert habits["wishes"][0] == "/"
        assert habits["wishes"].count("/join_guild") == 1
        assert float(habits["pause"]) == pytest.approx(float(habits["usual_pause"]), rel=0.15)  # type: ignore[arg-type]
    swords = {name: habits["wishes"].count("/purchase_a_sword") for name, habits in told.items()}
    assert swords["Wanderer"] < swords["Collector"] < swords["Champion"]
    assert story("1") == told != story("2")
