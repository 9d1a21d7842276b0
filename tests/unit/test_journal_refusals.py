"""Records from a journal file that the producer refuses as they are handed to it."""

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.processes import wait_until
from tests.sending import KeepingProducer, shop

from .test_journaling import files, is_law_kept, journaling, rows


class Picky(KeepingProducer):
    """Refuses records of one type, as librdkafka does what is larger than its own limit."""

    def produce(self, topic: str, value: bytes, *rest: Any, **more: Any) -> None:
        """Keep a message, or raise."""
        if b'"type":"refused"' in value:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        super().produce(topic, value, *rest, **more)


class Refused(KeepingProducer):
    """Its broker lets it send nothing."""

    def __init__(self, config: dict[str, Any], **more: Any) -> None:
        super().__init__(config, **more)
        self.error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)


def test_an_adopted_record_that_is_refused_at_once_is_buried(tmp_path: Path) -> None:
    """It has its end like one that is refused as it is emitted, and those behind it go on."""
    with journaling(tmp_path, answers=False) as held:
        for type_ in ("sold", "refused", "sold"):
            held.mine.emit(type_)
    with journaling(tmp_path, kind=Picky) as heir:
        heir.mine.start()
        wait_until(lambda: heir.mine.stats().delivered == 2, "the others arrive")
        wait_until(lambda: heir.mine.stats().pending == 0, "nothing is pending")
        assert heir.mine.stats().dead == 1
        assert is_law_kept(heir)
    assert len(rows(tmp_path, "dead")) == 1
    assert files(tmp_path) == []


@pytest.mark.parametrize("has_journal", [True, False], ids=["journal", "memory"])
def test_what_is_refused_is_a_dead_letter_and_what_cannot_be_made_is_failed(
    tmp_path: Path, *, has_journal: bool
) -> None:
    """Without a journal what the broker refuses is counted as failed too."""
    journal = str(tmp_path) if has_journal else None
    with shop(make=Refused, testing=False, MAX_EVENT_BYTES=10_000, JOURNAL=journal) as held:
        held.mine.emit("sold")
        held.mine.emit("sold", {"price": float("nan")})
        held.mine.emit("sold", {"text": "x" * 10_001})
        assert held.mine.flush(5)
        stats = held.mine.stats()
        refused = {"TOPIC_AUTHORIZATION_FAILED": 1}
        assert stats.dead == has_journal
        assert stats.failed_by_reason == {"encoding": 1, "too_large": 1} | ({} if has_journal else refused)
        assert is_law_kept(held)
