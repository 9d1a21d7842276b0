"""Records from a journal file that the producer refuses as they are handed to it."""

from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from tests.processes import wait_until
from tests.sending import KeepingProducer

from .test_journaling import files, is_law_kept, journaling, rows


class Picky(KeepingProducer):
    """Refuses records of one type, as librdkafka does what is larger than its own limit."""

    def produce(self, topic: str, value: bytes, *rest: Any, **more: Any) -> None:
        """Keep a message, or raise."""
        if b'"type":"refused"' in value:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        super().produce(topic, value, *rest, **more)


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
