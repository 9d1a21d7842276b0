"""Several workers' events, copies and late ones among them, come to the same totals in each layer."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.examples.same_totals.comparison import differences
from tests.examples.same_totals.story import Story
from tests.examples.same_totals.strangers import STRANGERS, UNREADABLE
from tests.examples.same_totals.trial import Outcome, Trial, run
from tests.parts import requires

if TYPE_CHECKING:
    from tests.kafka.apache_kafka import ApacheKafka

EVENTS = 4500

pytestmark = requires("java", "maven")


@pytest.fixture(scope="module")
def trial(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Three workers, one for each format; the stream is killed once, with a batch's totals written."""
    folder = tmp_path_factory.mktemp("same-totals")
    return Trial(kafka=kafka, folder=folder, topic="same_totals", events=EVENTS, kills=(("written", 1),))


@pytest.fixture(scope="module")
def outcome(trial: Trial) -> Outcome:
    """What came of it."""
    return run(trial)


def test_every_layer_has_the_same_totals(outcome: Outcome) -> None:
    """Plain Python, Spark, as a batch and as a stream, and the speed layer count what was played; two of them were killed."""
    assert differences(outcome.layers) == []
    assert list(outcome.layers) == ["played", "plain Python", "Spark, batch", "Spark, stream", "speed layer"]
    assert len(outcome.layers["played"]) > 1000


def test_the_ledgers_say_so_too(outcome: Outcome) -> None:
    """What the workers' libraries count as delivered is what each layer reads; and strangers wrote the rest."""
    assert all(each["emitted"] == each["delivered"] for each in outcome.ledgers)
    delivered = sum(each["delivered"] for each in outcome.ledgers)
    assert delivered == EVENTS
    assert outcome.reference.records == outcome.batch["records"] == delivered + len(STRANGERS) + 1
    assert outcome.reference.purchases == outcome.batch["purchases"]
    assert outcome.reference.unreadable == outcome.batch["unreadable"] == UNREADABLE
    assert len(outcome.reference.formats) >= 3


def test_the_stream_went_on_where_it_was(outcome: Outcome) -> None:
    """After the kill it reads what was not committed, not everything anew."""
    assert 0 < outcome.stream["records"] < outcome.batch["records"]


def test_the_story_has_copies_and_late_ones(trial: Trial) -> None:
    """One event in ten is a copy, at another time or another worker's; some are minutes late; some have no player."""
    steps = list(Story(seed=trial.seed, worker=0, workers=3, length=EVENTS // 3).steps())
    originals = {step.id: step for step in steps if not step.is_copy}
    copies = [step for step in steps if step.is_copy]
    assert len(copies) > len(steps) / 20
    assert any(step.time != originals[step.id].time for step in copies if step.id in originals)
    assert any(step.id not in originals for step in copies)
    assert any(one.time - other.time > timedelta(minutes=5) for one, other in pairwise(steps))
    assert any(step.player is None for step in steps)


def test_only_the_stream_drops_what_is_too_late(outcome: Outcome) -> None:
    """Two hours late, where the stream takes one: the stream drops it and tells so, the batch counts it.

    So does the speed layer: there one player doesn't make another one late.
    """
    assert outcome.latecomer["speed layer"] == 1
    assert (outcome.latecomer["Spark, batch"], outcome.latecomer["Spark, stream"]) == (1, 0)
    assert outcome.stream["too_late"] == 1
