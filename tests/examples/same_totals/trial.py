"""One run: workers play, Kafka keeps, each layer counts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from examples.game_api.batch_layer.jobs import Job
from examples.game_api.batch_layer.totals import Totals, read_totals
from tests.examples.same_totals.killing import run_until
from tests.examples.same_totals.reference import Reference, read_reference
from tests.examples.same_totals.speed import counted_by_speed_layer
from tests.examples.same_totals.story import Story, totals_of
from tests.examples.same_totals.strangers import LATE_PLACE, send_strangers, strangers_totals
from tests.kafka.apache_kafka import QUICK_JVM
from tests.leash import leashed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kafka.apache_kafka import ApacheKafka

ROOT: Final = Path(__file__).parents[3]
PARTITIONS: Final = 6
FORMATS: Final = ("plain", "cloudevents", "cloudevents-binary")
PLAY_SECONDS: Final = 600

#: A layer that isn't Spark's: what it counts on a topic, given a folder, the broker's address and the topic.
Layer: TypeAlias = Callable[[Path, str, str], Totals]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What is played and counted.

    Attributes:
        kafka: where; it runs.
        folder: where the layers keep what they count.
        topic: made by the trial.
        events: how many all workers tell together, copies among them.
        workers: how many processes; each has one of the formats.
        seed: of the story.
        bites: in how many batches the stream takes what was played.
        parts: into how many Spark cuts what it counts.
        kills: at which moment of which batch the stream is killed.
        layers: others that are to be compared, by name; each is given the folder, the broker's address and the topic.
    """

    kafka: ApacheKafka
    folder: Path
    topic: str
    events: int
    workers: int = 3
    seed: int = 1
    bites: int = 3
    parts: int = 2
    kills: tuple[tuple[str, int], ...] = (("begun", 2),)
    layers: Mapping[str, Layer] = field(default_factory=lambda: {"speed layer": counted_by_speed_layer})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a trial.

    Attributes:
        layers: the totals of each layer, by its name, first of all what was played; without the latecomer.
        latecomer: how often each layer counted what is too late for a stream.
        ledgers: what each worker's library counted.
        reference: what plain Python read.
        batch: what the batch read.
        stream: what the stream read in its last life.
    """

    layers: dict[str, Totals]
    latecomer: dict[str, int]
    ledgers: list[dict[str, int]]
    reference: Reference
    batch: dict[str, int]
    stream: dict[str, int]


def run(trial: Trial, say: Callable[[str], object] = lambda _: None) -> Outcome:
    """Play, and count in each layer."""
    trial.kafka.create_topic(trial.topic, PARTITIONS)
    parts = stories(trial)
    with timed(f"{trial.workers} workers play {trial.events:,} events", say):
        ledgers = play(trial, parts)
    send_strangers(trial.kafka.bootstrap, trial.topic)
    with timed("plain Python", say):
        reference = read_reference(trial.kafka.bootstrap, trial.topic)
    played = totals_of(step for part in parts for step in part.steps())
    layers = {"played": {**played, **strangers_totals()}, "plain Python": reference.totals}
    with timed("Spark, batch", say):
        batch, layers["Spark, batch"] = by_command(trial)
    for moment, number in trial.kills:
        with timed(f"Spark, stream, killed with batch {number} {moment}", say):
            run_until(stream_job(trial), moment, number, trial.folder / "stream.log")
    with timed("Spark, stream, to the end", say):
        stream, layers["Spark, stream"] = counted(stream_job(trial))
    for name, layer in trial.layers.items():
        with timed(name, say):
            layers[name] = layer(trial.folder, trial.kafka.bootstrap, trial.topic)
    latecomer = {name: totals.pop(LATE_PLACE, 0) for name, totals in layers.items()}
    return Outcome(
        layers=layers, latecomer=latecomer, ledgers=ledgers, reference=reference, batch=batch, stream=stream
    )


def stories(trial: Trial) -> list[Story]:
    """Each worker's part."""
    length = trial.events // trial.workers
    return [
        Story(seed=trial.seed, worker=worker, workers=trial.workers, length=length)
        for worker in range(trial.workers)
    ]


def by_command(trial: Trial) -> tuple[dict[str, int], Totals]:
    """What a batch read and what it counted, run as a person does."""
    results = trial.folder / "batch.sqlite"
    told = subprocess.run(
        [sys.executable, "-m", "examples.game_api.batch_layer", "batch", "--results", str(results),
         "--servers", trial.kafka.bootstrap, "--topic", trial.topic],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True,
    ).stdout.splitlines()  # fmt: skip
    numbers = re.findall(r"(\w+) (\d+(?:,\d{3})*)", told[-2])
    return {name: int(number.replace(",", "")) for name, number in numbers}, read_totals(results)


def counted(job: Job) -> tuple[dict[str, int], Totals]:
    """What a job read, run to its end, and the totals that it left."""
    return job.run(), read_totals(job.results)


def play(trial: Trial, parts: list[Story]) -> list[dict[str, int]]:
    """Let all workers play at once, and return their ledgers."""
    workers = [start_worker(trial, part) for part in parts]
    ledgers = []
    try:
        for worker in workers:
            out, said = worker.communicate(timeout=PLAY_SECONDS)
            assert worker.returncode == 0, said
            ledgers.append(json.loads(out))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return ledgers


def start_worker(trial: Trial, part: Story) -> subprocess.Popen[str]:
    """Start one worker, with its format."""
    settings = {
        "BOOTSTRAP_SERVERS": trial.kafka.bootstrap, "TOPIC": trial.topic, "FORMAT": FORMATS[part.worker % len(FORMATS)],
        "ON_FULL": "block", "BLOCK_SECONDS": "60",
    }  # fmt: skip
    environment = {f"FLASK_KAFKA_EVENTS_{name}": value for name, value in settings.items()}
    return subprocess.Popen(
        leashed(sys.executable, "-m", "tests.examples.same_totals.worker", json.dumps(asdict(part))),
        cwd=ROOT, env={**os.environ, **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def stream_job(trial: Trial) -> Job:
    """The stream over the trial's topic."""
    return Job(
        mode="stream", servers=trial.kafka.bootstrap, topic=trial.topic,
        results=trial.folder / "stream.sqlite", checkpoint=trial.folder / "checkpoint",
        late="1 hour", batch_records=trial.events // trial.bites, java=" ".join(QUICK_JVM), partitions=trial.parts,
    )  # fmt: skip


@contextmanager
def timed(what: str, say: Callable[[str], object]) -> Iterator[None]:
    """Say how long something took."""
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")
