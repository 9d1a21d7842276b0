"""Members of the speed layer as processes, and what their database says."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tests.examples.postgres import ask_postgres
from tests.examples.speed_ledger import ALERT_SWORDS, LATE_SECONDS, WINDOW_SECONDS
from tests.leash import leashed
from tests.parts import path_of
from tests.processes import wait_until, without_make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.examples.speed_ledger import Ledger

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = ROOT / ".cache" / "speed-layer"
KINDS: Final = ("counted", "duplicate", "late", "unnamed", "other", "malformed")
#: From the start of a process to its first result are about 3 s; when a member left without a word, 6 s more.
PATIENCE_SECONDS: Final = 60.0


def make_environment() -> None:
    """Make the speed layer's environment as its users do, where it isn't there yet: 20 s."""
    interpreter = sys.executable if sys.version_info >= (3, 11) else path_of("python3.11") or ""
    command = ["make", "-s", f"PYTHON={interpreter}", ".cache/speed-layer/.installed"]
    done = subprocess.run(command, cwd=ROOT, env=without_make(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(kw_only=True, slots=True)
class SpeedLayer:
    """A group of members that count one topic into one database.

    Attributes:
        ledger: what feeds the topic.
        directory: where database, state and logs are.
        database: the members' `--database`; empty for a file in the directory.
        late_seconds: their `--late-seconds`.
        commit_seconds: their `--commit-seconds`: kills are to fall between commits, and within them.
    """

    ledger: Ledger
    directory: Path
    database: str = ""
    late_seconds: int = LATE_SECONDS
    commit_seconds: float = 0.02
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"speed-{self.ledger.topic}"

    @property
    def file(self) -> Path:
        """SQLite's file."""
        return self.directory / "totals.db"

    @property
    def log(self) -> Path:
        """What all members said."""
        return self.directory / "members.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Start a member; it takes the first free seat."""
        words = {
            "--bootstrap-servers": self.ledger.bootstrap,
            "--topic": self.ledger.topic,
            "--group": self.group,
            "--database": self.database or str(self.file),
            "--state": str(self.directory / "state"),
            "--window-seconds": str(WINDOW_SECONDS),
            "--late-seconds": str(self.late_seconds),
            "--alert-swords": str(ALERT_SWORDS),
            "--commit-seconds": str(self.commit_seconds),
        }
        python = str(ENVIRONMENT / "bin" / "python")
        command = [
            python,
            "-m",
            "examples.game_api.speed_layer",
            *(word for pair in words.items() for word in pair),
        ]
        with self.log.open("ab") as log:
            member = subprocess.Popen(
                leashed(*command), cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.members.append(member)
        return member

    def kill(self, member: subprocess.Popen[bytes]) -> None:
        """Kill a member with -9."""
        self.members.remove(member)
        member.kill()
        member.wait()

    def end(self, member: subprocess.Popen[bytes]) -> int:
        """End a member by SIGTERM; returns its status."""
        self.members.remove(member)
        member.terminate()
        return member.wait(30)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers; nothing while it has no tables yet."""
        if self.database:
            return ask_postgres(self.database, query)
        if not self.file.exists():
            return []
        with closing(sqlite3.connect(self.file, timeout=30)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def kinds(self) -> dict[str, int]:
        """How many records of each kind were counted, but for alerts, which are none of the ledger's."""
        sums = ", ".join(f"COALESCE(SUM({kind}), 0)" for kind in KINDS)
        rows = self.rows(f"SELECT {sums} FROM progress")  # noqa: S608 - names of our own
        return dict(zip(KINDS, rows[0], strict=True)) if rows else dict.fromkeys(KINDS, 0)

    def totals(self) -> dict[tuple[str, str, str], int]:
        """The totals by window, player and type."""
        rows = self.rows("SELECT window_start, player, type, purchases FROM totals")
        return {(start, player, type_): number for start, player, type_, number in rows}

    def check_whole(self) -> None:
        """At any moment the totals are those of the records that the progress tells of, and no others."""
        rows = self.rows(
            "SELECT (SELECT COALESCE(SUM(purchases), 0) FROM totals), (SELECT COALESCE(SUM(counted), 0) FROM progress),"
            " (SELECT COUNT(*) FROM late), (SELECT COALESCE(SUM(late), 0) FROM progress)"
        )
        for purchases, counted, late, late_counted in rows:
            assert (purchases, late) == (counted, late_counted)

    def await_everything(self) -> None:
        """Wait until each record of the ledger is counted as something, and each alert as another."""
        wait_until(self._has_everything, f"{self._missing()} ({self.log})", seconds=PATIENCE_SECONDS)

    def await_more_than(self, records: int) -> None:
        """Wait until more records than these are counted."""
        wait_until(lambda: sum(self.kinds().values()) > records, "work goes on", seconds=PATIENCE_SECONDS)

    def committed(self) -> int:
        """How many of the topic's records the group is done with, as Kafka has it; 0 while a new Kafka looks that up."""
        # read_uncommitted: where a member was killed in a transaction, what counts is what was there before it.
        config = {
            "group.id": self.group,
            "bootstrap.servers": self.ledger.bootstrap,
            "isolation.level": "read_uncommitted",
        }
        consumer = Consumer(config)
        try:
            partitions = (
                consumer.list_topics(self.ledger.topic, timeout=20).topics[self.ledger.topic].partitions
            )
            places = [TopicPartition(self.ledger.topic, partition) for partition in partitions]
            return sum(max(place.offset, 0) for place in consumer.committed(places, timeout=20))
        except KafkaException as error:
            if error.args[0].code() not in {
                KafkaError.NOT_COORDINATOR,
                KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
            }:
                raise
            return 0
        finally:
            consumer.close()

    def written(self) -> int:
        """How many of the topic's records are in the database."""
        rows = self.rows("SELECT COALESCE(SUM(next_offset), 0) FROM progress")
        return int(rows[0][0]) if rows else 0

    def check_exact(self) -> None:
        """The database says what the ledger does."""
        ledger = self.ledger
        self.check_whole()
        assert self.totals() == dict(ledger.totals)
        kinds = self.kinds()
        assert {**kinds, "other": 0} == {kind: ledger.kinds[kind] for kind in KINDS} | {"other": 0}
        assert {id_ for (id_,) in self.rows("SELECT id FROM late")} == ledger.late
        assert set(self.rows("SELECT window_start, player FROM alerts")) == ledger.alerts
        assert self.rows("SELECT id FROM alerts WHERE announced IS NULL") == []

    def _has_everything(self) -> bool:
        assert all(member.poll() is None for member in self.members), self.log.read_text()
        return sum(self.kinds().values()) >= self.ledger.records + len(self.ledger.alerts)

    def _missing(self) -> str:
        return f"all {self.ledger.records} records were counted by {len(self.members)} members"


@contextmanager
def speed_layer(ledger: Ledger, directory: Path, **more: Any) -> Iterator[SpeedLayer]:
    """A group without members yet, with more of its attributes; those that are left at the end are killed."""
    layer = SpeedLayer(ledger=ledger, directory=directory, **more)
    try:
        yield layer
    finally:
        for member in list(layer.members):
            layer.kill(member)


def pause(seconds: float) -> None:
    """Let a process live for a while that chance has chosen, before it is killed."""
    time.sleep(seconds)
