"""The Spark job as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from examples.game_api.batch_layer.environment import spark_environment

SCRIPT: Final = Path(__file__).with_name("spark_job.py")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What Spark is to count.

    Attributes:
        mode: `"batch"`, the whole topic anew; `"stream"`, what came since the checkpoint.
        servers: Kafka's addresses.
        topic: where the events are.
        results: the SQLite file of the totals, one for each mode.
        checkpoint: the directory where a stream keeps its offsets and its state. It belongs to its results: delete both.
        late: how late an event may come to a stream, and for how long its id is remembered; a batch takes any.
        batch_records: the most that a stream takes at once.
        master: where Spark runs: on every core of this machine by default.
        memory: the most that its heap may take, as Java writes it.
        java: further options of Java.
        partitions: into how many parts the state and the totals are cut; a stream's never change.
    """

    mode: Literal["batch", "stream"]
    servers: str
    topic: str
    results: Path
    checkpoint: Path
    late: str = "1 day"
    batch_records: int = 1_000_000
    master: str = "local[*]"
    memory: str = "1g"
    java: str = ""
    partitions: int = 4

    def run(self) -> dict[str, int]:
        """Run it to its end and return what it read.

        Raises:
            RuntimeError: it failed, with the end of what it said.
        """
        done = subprocess.run(
            self.command(), env=environment_variables(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"Spark failed on {self.topic} at {self.servers}:\n{done.stderr[-6000:]}")
        read: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        return read

    def command(self) -> list[str]:
        """The command line, for Spark's environment, which is made first where it isn't there yet."""
        environment = spark_environment()
        order = {**asdict(self), "jars": environment.jars}
        return [str(environment.python), str(SCRIPT), json.dumps(order, default=str)]


def environment_variables() -> dict[str, str]:
    """This process's, but for another Spark that is installed here; and nobody elsewhere is listened to."""
    others = {
        name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))
    }
    return {**others, "SPARK_LOCAL_IP": "127.0.0.1"}
