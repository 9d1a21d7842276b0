"""A producer that can't be built, that refuses, or that breaks: events wait, nothing is raised, all is counted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from flask import Flask

from flask_kafka_events import KafkaEvents, Loss, event_delivered, event_failed
from tests.processes import wait_until
from tests.sending import KeepingProducer, shop


def error(code: int, reason: str = "") -> KafkaException:
    """What librdkafka raises."""
    return KafkaException(KafkaError(code, reason))


def after_trouble(trouble: BaseException, times: int = 1) -> Callable[..., KeepingProducer]:
    """A factory that raises some times before it builds."""
    left = [trouble] * times

    def make(config: dict[str, Any], **more: Any) -> KeepingProducer:
        if left:
            raise left.pop()
        return KeepingProducer(config, **more)

    return make


class Unanswered(KeepingProducer):
    """Takes everything and acknowledges nothing."""

    def __init__(self, config: dict[str, Any], **more: Any) -> None:
        super().__init__(config, **more)
        self.answers = False


class Refusing(KeepingProducer):
    """Refuses a record of the type "refused" at once."""

    def produce(self, topic: str, value: bytes, key: bytes | None, **how: Any) -> None:
        """Keep a message, or refuse it."""
        if b"refused" in value:
            raise error(KafkaError.MSG_SIZE_TOO_LARGE)
        super().produce(topic, value, key, **how)


def test_pending_is_what_is_held() -> None:
    """At rest the ledger's pending is counted again at the queue: before a producer, in it, and after its answer."""
    for make in (after_trouble(error(KafkaError._INVALID_ARG)), Unanswered, KeepingProducer):  # noqa: SLF001 - public
        with shop(make=make) as here:
            here.mine.emit("one")
            here.mine.emit("two")
            here.mine.flush(0.1)
            process = here.app.extensions["kafka_events"].process
            assert here.mine.stats().pending == process.held() == (0 if make is KeepingProducer else 2)


def test_producer_that_cannot_be_built_for_now_is_built_later(caplog: pytest.LogCaptureFixture) -> None:
    """An error of librdkafka that isn't the configuration's is told, and building goes on."""
    with shop(make=after_trouble(error(KafkaError._FAIL, "no threads left"))) as here:  # noqa: SLF001 - public
        here.mine.emit("waited")
        assert here.types() == ["waited"]
    assert (
        "The producer can't be built: no threads left (_FAIL). Next attempt in 0.5 s; events wait."
        in caplog.text
    )


def test_configuration_error_waits_for_a_new_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Building goes on when a certificate file appears; meanwhile other losses are told every second."""
    certificate = tmp_path / "ca.pem"
    trouble = after_trouble(error(KafkaError._INVALID_ARG, "ca.pem: No such file"))  # noqa: SLF001 - public
    settings: dict[str, Any] = {"PRODUCER": {"ssl.ca.location": str(certificate)}, "MAX_EVENT_BYTES": 1024}
    with shop(testing=False, make=trouble, **settings) as here:
        here.mine.emit("waits")
        for _ in range(3):
            here.mine.emit("large", {"text": "x" * 2000})
        wait_until(lambda: "2 event(s) lost (too_large)" in caplog.text, "the owed line is written")
        certificate.write_text("here it is")
        assert here.types() == ["waits"]
    assert "librdkafka refuses the producer's configuration: ca.pem: No such file" in caplog.text


def test_record_refused_while_it_waited_is_counted() -> None:
    """What librdkafka refuses after a wait for the producer fails with its reason, and the next goes on."""

    def make(config: dict[str, Any], **more: Any) -> KeepingProducer:
        wait_until(lambda: here.mine.stats().emitted == 2, "both were emitted")
        return Refusing(config, **more)

    with shop(make=make) as here:
        here.mine.emit("refused")
        here.mine.emit("taken")
        assert here.types() == ["taken"]
        assert here.mine.stats().failed_by_reason == {"MSG_SIZE_TOO_LARGE": 1}


@pytest.mark.parametrize("call", ["poll", "flush"])
def test_fatal_error_while_serving_builds_a_new_producer(call: str) -> None:
    """A fatal error comes out of poll or flush; what waited is sent by the next producer with the same ids."""
    fatal = [error(KafkaError._FATAL)] * 2  # noqa: SLF001 - public

    class Breaking(Unanswered):
        def purge(self) -> None:
            """Purge at the poll after the next, which tells the fatal error once more."""
            self.purging = super().purge

        def poll(self, timeout: float) -> int:
            if fatal and (call == "poll" or hasattr(self, "purging")):
                raise fatal.pop()
            if hasattr(self, "purging"):
                self.purging()
            return super().poll(timeout)

        def flush(self, timeout: float) -> int:
            if fatal and call == "flush":
                raise fatal.pop()
            return super().poll(timeout)

    def make(config: dict[str, Any], **more: Any) -> KeepingProducer:
        return KeepingProducer(config, **more) if here.producers else Breaking(config, **more)

    with shop(make=make) as here:
        here.mine.emit("tick")
        wait_until(
            lambda: bool(here.producers and here.producers[0].sent), "it is in the first producer's queue"
        )
        assert here.mine.flush(10)
        first, second = here.producers
        assert first.sent == second.sent
        assert here.mine.stats().delivered == 1


def test_report_with_an_error_fails_the_event() -> None:
    """What the broker refuses for good fails with Kafka's own name for it, and is announced with the next step."""
    lost: list[Loss] = []

    def deny(config: dict[str, Any], **more: Any) -> KeepingProducer:
        producer = KeepingProducer(config, **more)
        producer.error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        return producer

    def note(_: Flask, loss: Loss) -> None:
        lost.append(loss)

    with shop(make=deny) as here, event_failed.connected_to(note, sender=here.app):
        here.mine.emit("tick")
        assert here.mine.flush(10)
        assert here.mine.stats().failed_by_reason == {"TOPIC_AUTHORIZATION_FAILED": 1}
    (loss,) = lost
    assert loss.record is not None
    assert (loss.dropped, loss.type, loss.record.topic) == (False, "tick", "shop_events")
    assert "Give the app's user the right" in loss.explanation


def test_poll_that_raises_anything_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """A factory's producer with a mistake in poll() is told, and polled again."""
    mistakes = [ZeroDivisionError("hunter2")]

    class Mistaken(KeepingProducer):
        def poll(self, timeout: float) -> int:
            if mistakes:
                raise mistakes.pop()
            return super().poll(timeout)

    with shop(make=Mistaken) as here:
        here.mine.emit("tick")
        wait_until(lambda: here.mine.stats().delivered == 1, "it is delivered")
    assert "The poller goes on: ZeroDivisionError was raised" in caplog.text
    assert "hunter2" not in caplog.text


def test_flush_does_not_wait_for_the_longest_delay() -> None:
    """Who flushes while the next attempt is half a minute away has the producer built within the first delay."""
    trouble = after_trouble(error(KafkaError._FAIL), times=5)  # noqa: SLF001 - public
    with shop(make=trouble) as here:
        here.mine.emit("waited")
        assert here.mine.flush(10)  # 0.5 s five times, and not 0.5 + 1 + 2 + 4 + 8
        assert here.types() == ["waited"]


def test_report_that_means_again_builds_a_new_producer() -> None:
    """Purged by librdkafka without a fatal error told: the event is sent again by the next producer, at once."""
    made: list[KeepingProducer] = []

    def purging(config: dict[str, Any], **more: Any) -> KeepingProducer:
        made.append(KeepingProducer(config, **more))
        if len(made) == 1:
            made[0].error = KafkaError(KafkaError._PURGE_QUEUE)  # noqa: SLF001 - public
        return made[-1]

    with shop(make=purging) as here:
        here.mine.emit("tick")
        assert here.mine.flush(10)
        assert [producer.sent[0].id for producer in made] == [made[0].sent[0].id] * 2


def test_close_sends_what_came_before_it_while_others_go_on_to_emit() -> None:
    """Events of threads that emit without a pause don't keep close() from its end, nor are earlier ones dropped."""
    stop = threading.Event()

    def emit() -> None:
        while not stop.is_set():
            here.mine.emit("later")

    with shop(testing=False) as here:
        threads = [threading.Thread(target=emit) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            assert here.mine.close(20)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        stats = here.mine.stats()
        assert stats.delivered == len(here.producers[0].sent)
        assert stats.emitted == stats.delivered + stats.dropped
        assert set(stats.dropped_by_reason) <= {"closed"}


def test_blocking_emit_gets_the_place_that_an_acknowledgement_frees() -> None:
    """Under ON_FULL = "block" an emit waits for a place, at most BLOCK_SECONDS, and then drops with a count."""
    with shop(testing=False, ON_FULL="block", BLOCK_SECONDS=20, QUEUE_EVENTS=2, make=Unanswered) as here:
        here.mine.emit("first")
        wait_until(
            lambda: bool(here.producers and here.producers[0].waiting), "it is in the producer's queue"
        )
        second = threading.Thread(target=lambda: here.mine.emit("second"))
        second.start()
        here.producers[0].answers = True
        second.join(15)
        assert not second.is_alive()
        assert here.types() == ["first", "second"]
    with shop(testing=False, ON_FULL="block", BLOCK_SECONDS=0.01, QUEUE_EVENTS=2, make=Unanswered) as here:
        here.mine.emit("first")
        here.mine.emit("second")
        assert here.mine.stats().dropped_by_reason == {"queue_full": 1}


def test_what_could_not_be_counted_in_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that is slower than the end of the process leaves events undecided: the log says how many."""
    at_work, go_on = threading.Event(), threading.Event()

    def dawdle(_: Flask, **__: Any) -> None:
        at_work.set()
        assert go_on.wait(10)

    with shop() as here, event_delivered.connected_to(dawdle, sender=here.app):
        here.mine.emit("one")
        assert at_work.wait(10)
        assert not here.mine.close(0)
        assert "1 event(s) were undecided when KafkaEvents had to end." in caplog.text
        go_on.set()
        wait_until(lambda: here.mine.stats().delivered == 1, "the receiver is done")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_the_end_drops_is_told_in_one_line(count: int, caplog: pytest.LogCaptureFixture) -> None:
    """All that the broker had not acknowledged at the close is one line with its count, and what comes later is another."""
    with shop(testing=False, make=Unanswered) as here:
        for _ in range(count):
            here.mine.emit("waits")
        assert not here.mine.close(0.1)
        assert [line for line in caplog.messages if "lost (closed)" in line] == [
            line for line in caplog.messages if line.startswith(f"{count} event(s) lost (closed)")
        ]
        assert caplog.text.count("lost (closed)") == 1
        here.mine.emit("late")
        here.mine.close(0)
        assert caplog.text.count("lost (closed)") == 2
    assert here.is_accounted_for()


def test_start_without_a_broker_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """`start()` in an app that names no broker says which setting to set."""
    with shop() as here:
        del here.app.extensions["kafka_events"]
        del here.app.config["KAFKA_EVENTS_BOOTSTRAP_SERVERS"]
        KafkaEvents(here.app).for_app(here.app).start()
        wait_until(lambda: "KAFKA_EVENTS_BOOTSTRAP_SERVERS is not set" in caplog.text, "the log tells")
