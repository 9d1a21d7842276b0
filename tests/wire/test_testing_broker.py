"""The embedded broker of a test's own, and what is read back from it."""

from pathlib import Path

import pytest
from flask import Flask

from flask_kafka_events import AppEvents, KafkaEvents
from flask_kafka_events.testing import EmbeddedBroker, embedded_broker
from tests.processes import is_running, wait_until
from tests.wire.embedded_broker import produce


def events_to(broker: EmbeddedBroker, topic: str = "shop_events") -> AppEvents:
    """The events of an app that sends them there."""
    app = Flask("shop")
    # A little later than they are emitted, so that who reads has to wait for them.
    app.config.update(TESTING=True, KAFKA_EVENTS_PRODUCER={"linger.ms": 200}, **broker.config(topic))
    return KafkaEvents(app).for_app(app)


def test_events_are_read_back_as_consumers_get_them(kafka_broker: EmbeddedBroker) -> None:
    """In their order, with the same things to say about them as of captured ones."""
    mine = events_to(kafka_broker)
    mine.emit("sold", {"price": 12}, key="ana", headers={"tenant": "a"})
    mine.emit("tick")
    read = kafka_broker.read("shop_events", count=2)
    mine.close()
    assert read.types == ["sold", "tick"]
    read.assert_emitted("sold", data={"price": 12}, key="ana", headers={"tenant": "a"}, count=1)
    assert (read[0].topic, read[0].record.key) == ("shop_events", b"ana")


def test_a_topic_that_lacks_events_is_waited_for_in_vain(kafka_broker: EmbeddedBroker) -> None:
    """The failure shows those that came; without a number nothing is waited for."""
    assert list(kafka_broker.read("shop_events")) == []
    with pytest.raises(AssertionError, match=r"^Within 0 s topic 'shop_events' had 0 of 1 events\.$"):
        kafka_broker.read("shop_events", count=1, timeout=0)
    mine = events_to(kafka_broker)
    mine.emit("tick", wait=5)
    mine.close()
    with pytest.raises(AssertionError) as raised:
        kafka_broker.read("shop_events", count=2, timeout=0.05)
    assert str(raised.value) == (
        "Within 0.05 s topic 'shop_events' had 1 of 2 events.\n"
        "They are (1):\n"
        "    1. tick  no key  to shop_events  no data"
    )


def test_what_is_no_event_is_told(kafka_broker: EmbeddedBroker) -> None:
    """With its place."""
    kafka_broker.create_topic("other")
    assert produce(kafka_broker.address, "other", "hello") == [""]
    with pytest.raises(
        AssertionError, match="The record at offset 0 of topic 'other', partition 0, is no event"
    ):
        kafka_broker.read("other")


def test_each_test_has_its_own(kafka_broker: EmbeddedBroker) -> None:
    """Nothing of another one is in it, and it ends soon after."""
    with embedded_broker() as another:
        pid = another.lease.pid
        assert repr(another) == f"<EmbeddedBroker {another.address}>"
        assert another.address != kafka_broker.address
        assert another.create_topic("here", partitions=2)
        assert not another.create_topic("here")
        assert list(kafka_broker.read("here")) == []
    wait_until(lambda: not is_running(pid), "the broker is gone")


def test_a_long_temporary_directory_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Unix socket's path may have 107 bytes at most: the broker's is elsewhere then."""
    long = tmp_path / ("x" * 150)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", None)
    with embedded_broker() as broker:
        mine = events_to(broker)
        assert mine.emit("sold", wait=5) is not None
        mine.close()
