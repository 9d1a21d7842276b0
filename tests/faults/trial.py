"""A fault at work on the apps of one row, and the judgement afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.faults.account import Outcome, counted, lost_by_ledger
from tests.faults.reading import Arrival, read_back
from tests.faults.subject import Subject, types_for
from tests.kafka.administration import Administration
from tests.kafka.cluster import PASSWORD, USER
from tests.processes import losses_told, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.cluster import KafkaCluster

RATE: Final = 100.0
WORST_MS: Final = 3000  # two cores bear three brokers, the apps and the clients
REST_SECONDS: Final = 60.0

#: What may be lost: nothing; what the ledger or the log names; or, with a killed process, even its ledger.
NOTHING: Final = "nothing"
ACCOUNTED: Final = "what is accounted for"
FORGOTTEN: Final = "what a killed process held"


@dataclass(kw_only=True, slots=True)
class Trial:
    """The apps of one row, one for each mode, and what can be done to them.

    Attributes:
        name: the row's.
        cluster: the brokers.
        folder: for logs and journals.
        modes: the columns.
        bootstrap: where topics are read back.
        may_lose: by mode, where it isn't nothing.
    """

    name: str
    cluster: KafkaCluster
    folder: Path
    modes: tuple[str, ...]
    may_lose: dict[str, str] = field(default_factory=dict)
    rate: float = RATE
    subjects: list[Subject] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    counts_from: float = 0.0
    bootstrap: str = ""

    def __post_init__(self) -> None:
        self.bootstrap = self.cluster.bootstrap
        slug = "".join(letter if letter.isalnum() else "-" for letter in self.name)
        for mode in self.modes:
            folder = self.folder / f"{slug}-{mode}"
            folder.mkdir()
            subject = Subject(mode, folder, f"{slug}-{mode}", f"{slug}-{mode}-other")
            subject.settings["BOOTSTRAP_SERVERS"] = self.bootstrap
            self.subjects.append(subject)

    @property
    def admin(self) -> Administration:
        """The cluster's."""
        return Administration(cluster=self.cluster)

    def create_topics(self, **how: Any) -> None:
        """Make each app's topic."""
        for subject in self.subjects:
            self.admin.create_topic(subject.topic, **how)

    def create_others(self, **how: Any) -> None:
        """Make each app's second topic, to which half of its events go."""
        for subject in self.subjects:
            self.admin.create_topic(subject.other, **how)
            subject.settings["TYPES"] = types_for(subject.other)

    def set_producer(self, **properties: object) -> None:
        """Give every app properties of librdkafka, with underscores for dots."""
        for subject in self.subjects:
            before = subject.settings.get("PRODUCER", {})
            assert isinstance(before, dict)
            dotted = {name.replace("_", "."): value for name, value in properties.items()}
            subject.settings["PRODUCER"] = {**before, **dotted}

    def go_secure(self, password: str = PASSWORD) -> None:
        """Let every app speak SASL_SSL as the user whom the ACLs hold for, its password read from a file."""
        self.set_producer(
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            ssl_ca_location=str(self.cluster.authority.certificate),
        )
        for subject in self.subjects:
            subject.settings["BOOTSTRAP_SERVERS"] = self.cluster.secure
            subject.environment["FAULTS_CREDENTIALS"] = str(subject.folder / "credentials")
        self.rotate(password)

    def rotate(self, password: str) -> None:
        """Write another password into the file that each app reads."""
        for subject in self.subjects:
            (subject.folder / "credentials").write_text(f"{USER} {password}")

    @contextmanager
    def load(self, *, delivering: bool = True) -> Iterator[None]:
        """Apps under load while the fault works; then the load ends, everything comes to rest, and is judged.

        Args:
            delivering: whether events must be arriving before the fault begins.
        """
        try:
            for subject in self.subjects:
                subject.start()
                subject.begin(self.rate)
            if delivering:
                for subject in self.subjects:
                    subject.await_ledger(lambda stats: stats["delivered"] > 20, "events arrive", seconds=20)
            yield
            for subject in self.subjects:
                subject.load.stop()
            for subject in self.subjects:
                self.outcomes.append(self._judge(subject))
        finally:
            for subject in self.subjects:
                subject.kill()

    def go_on(self, requests: int) -> None:
        """Let each app answer so many more requests."""
        wanted = [(subject.load, subject.load.answered() + requests) for subject in self.subjects]
        for load, count in wanted:
            wait_until(
                lambda load=load, count=count: load.answered() >= count,  # type: ignore[misc]
                f"{requests} more requests are answered",
                seconds=60 + 3 * requests / self.rate,
            )

    def count_from_now(self) -> None:
        """Count only events that are sent from now on."""
        self.counts_from = time.monotonic()

    def await_told(self, words: str, *, seconds: float = 10.0) -> None:
        """Wait until each app's log says these words, its next step; the row fails where it does so twice."""
        for subject in self.subjects:
            wait_until(lambda log=subject: words in log.log, f"{words!r} is told", seconds=seconds)  # type: ignore[misc]

    def check_told_once(self, words: str) -> None:
        """See that the log hasn't said it again."""
        for subject in self.subjects:
            told = subject.log.count(words)
            assert told == 1, f"{words!r} was told {told} times ({subject.mode})"

    def arrivals(self, topic: str) -> Iterator[Arrival]:
        """What is on a topic now, one after the other."""
        return read_back(self.bootstrap, topic)

    def arrived(self, topic: str) -> list[Arrival]:
        """The same, at once."""
        return list(self.arrivals(topic))

    def for_each(self, act: Callable[[Subject], object]) -> None:
        """Do something to each app."""
        for subject in self.subjects:
            act(subject)

    def _judge(self, subject: Subject) -> Outcome:
        stats = self._at_rest(subject)
        subject.end()
        asked = [each for each in subject.load.asked if each.began >= self.counts_from]
        arrivals = [each for topic in subject.topics for each in self.arrived(topic)]
        left_on_disk = stats["pending"] if subject.mode == "journal" else 0
        accounted = max(
            losses_told(subject.log) + stats["dead"] + left_on_disk,
            lost_by_ledger({**stats, "pending": left_on_disk}),
        )
        figures = counted(asked, arrivals)
        verdict = self._verdict(figures, accounted, self.may_lose.get(subject.mode, NOTHING))
        return Outcome(fault=self.name, mode=subject.mode, accounted=accounted, verdict=verdict, **figures)

    def _at_rest(self, subject: Subject) -> dict[str, Any]:
        deadline = time.monotonic() + REST_SECONDS
        stats = subject.ledger()
        while stats["pending"] and time.monotonic() < deadline:
            time.sleep(0.05)
            stats = subject.ledger()
        entered = stats["emitted"] + stats["adopted"]
        assert entered == stats["delivered"] + lost_by_ledger(stats), f"the ledger doesn't add up: {stats}"
        return stats

    def _verdict(self, figures: dict[str, Any], accounted: int, may_lose: str) -> str:
        lost, unanswered = figures["lost"], figures["sent"] - figures["answered"]
        wrong = []
        if lost and may_lose == NOTHING:
            wrong.append("LOST")
        if may_lose == ACCOUNTED and not lost <= accounted <= lost + unanswered:
            wrong.append("NOT ACCOUNTED FOR")
        if figures["order_breaks"]:
            wrong.append("OUT OF ORDER")
        if figures["worst_ms"] > WORST_MS:
            wrong.append("SLOW")
        return ", ".join(wrong) or ("ok" if not lost else f"ok, may lose {may_lose}")
