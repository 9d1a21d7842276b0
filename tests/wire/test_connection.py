"""How a producer is built, and built again: settings, secrets, certificates, trouble."""

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from flask import Flask

from flask_kafka_events import DeliveryTimeout, KafkaEvents, event_delivered
from flask_kafka_events.cli import kafka_events
from flask_kafka_events.embedded import Lease
from tests.processes import wait_until
from tests.wire.test_delivery import make_app, of

#: What librdkafka knows to be wrong only when it builds a producer.
NO_MECHANISM = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "hunter2",
    "sasl.password": "hunter2",
}


class Factory:
    """Builds real producers and lets a test see and await them."""

    def __init__(self) -> None:
        self.configs: list[dict[str, Any]] = []
        self.producers: list[Producer] = []
        self.built = threading.Semaphore(0)

    def __call__(self, config: dict[str, Any], *, logger: logging.Logger) -> Producer:
        """Build one."""
        self.configs.append(config)
        self.producers.append(Producer(config, logger=logger))
        self.built.release()
        return self.producers[-1]


def test_configuration_error_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Librdkafka's refusal is logged with the next step and no secret; events wait, and close drops them."""
    app = make_app("127.0.0.1:1", PRODUCER=NO_MECHANISM)
    of(app).emit("tick")
    wait_until(lambda: "refuses the producer's configuration" in caplog.text, "the log tells")
    assert "hunter2" not in caplog.text
    assert "Correct KAFKA_EVENTS_PRODUCER and restart" in caplog.text
    assert of(app).stats().pending == 1
    assert not of(app).close(0)
    assert of(app).stats().dropped_by_reason == {"closed": 1}


def test_configuration_error_is_told_to_who_waits() -> None:
    """Neither emit(wait=) nor the command advises to wait, or to look at a broker that was never asked."""
    app = make_app("127.0.0.1:1", PRODUCER=NO_MECHANISM, CLOSE_SECONDS=0)
    with pytest.raises(
        DeliveryTimeout, match=r"within 1 s\. librdkafka refuses .* Correct KAFKA_EVENTS_PRODUCER"
    ):
        of(app).emit("tick", wait=1)
    said = app.test_cli_runner().invoke(kafka_events, ["emit", "tick", "--wait", "1"]).stderr
    assert "Correct KAFKA_EVENTS_PRODUCER and restart" in said
    assert "reachable" not in said
    assert "hunter2" not in said


def test_changed_certificate_builds_a_new_producer(broker: Lease, tmp_path: Path) -> None:
    """A certificate file that changes on disk replaces the producer; what waited is sent by the new one."""
    certificate = tmp_path / "ca.pem"
    certificate.write_text("")
    factory = Factory()
    app = make_app(
        broker.address, factory, PRODUCER={"ssl.ca.location": str(certificate), "linger.ms": 60_000}
    )
    of(app).emit("tick")
    assert factory.built.acquire(timeout=10)
    wait_until(lambda: len(factory.producers[0]) == 1, "the event is in the first producer's queue")
    certificate.write_text("renewed")
    assert factory.built.acquire(timeout=10)
    assert of(app).flush(10)
    assert of(app).stats().delivered == 1
    of(app).close()
    factory.producers.clear()


def test_credentials_are_asked_at_the_start_and_after_a_refusal(broker: Lease) -> None:
    """User and password come from the app's function, again after an authentication error."""
    passwords = ["second", "first"]
    factory = Factory()
    app = make_app(broker.address, factory, CREDENTIALS=lambda: ("app", passwords.pop()))
    of(app).emit("tick", wait=10)
    assert factory.configs[0]["sasl.password"] == "first"
    factory.configs[0]["error_cb"](KafkaError(KafkaError._AUTHENTICATION, "first was refused"))  # noqa: SLF001
    wait_until(lambda: not passwords, "the password was asked for again")
    of(app).close()
    factory.producers.clear()


def test_credentials_that_raise_are_told_without_their_text(
    broker: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """The poller lives on, tries again, and the events wait."""
    answers: list[Any] = [ValueError("hunter2")]

    def ask() -> tuple[str, str]:
        if answers:
            raise answers.pop()
        return "app", "password"

    app = make_app(broker.address, CREDENTIALS=ask)
    assert of(app).emit("tick", wait=10) is not None
    assert "ValueError was raised" in caplog.text
    assert "hunter2" not in caplog.text
    of(app).close()


def test_librdkafkas_log_goes_to_the_apps_logger(caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection is told by the app's logger, with the next step, and not on stderr."""
    app = make_app("127.0.0.1:1")
    of(app).emit("tick")
    wait_until(lambda: "Events wait until it is" in caplog.text, "the log tells")
    assert {record.name for record in caplog.records} == {"shop"}
    of(app).close(0)


def test_closing_again_and_from_the_poller_harms_nobody(broker: Lease) -> None:
    """close() twice, and flush() in a receiver, return at once."""
    app = make_app(broker.address)
    answers: list[bool] = []

    def note(_: Flask, **__: Any) -> None:
        answers.append(of(app).flush(5))

    with event_delivered.connected_to(note, sender=app):
        of(app).emit("tick", wait=10)
    assert answers == [False]
    assert of(app).close()
    assert of(app).close()


def test_exit_sends_what_waits(broker: Lease) -> None:
    """At the end of the process, and at SIGTERM, everything batched is sent within the deadline."""
    script = (
        "import os, signal, sys, time\n"
        "from tests.wire.test_delivery import make_app, of\n"
        f"app = make_app({broker.address!r}, PRODUCER={{'linger.ms': 60000}})\n"
        "of(app).emit('tick')\n"
        "if sys.argv[1] == 'term':\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(60)\n"
    )
    for how, status in (("end", 0), ("term", -signal.SIGTERM)):
        ended = subprocess.run([sys.executable, "-c", script, how], timeout=30, check=False)
        assert ended.returncode == status
    reader = make_app(broker.address)
    delivery = of(reader).emit("last", wait=10)
    assert delivery is not None
    assert delivery.offset == 2
    of(reader).close()


def test_package_works_without_fork_and_fcntl(broker: Lease) -> None:
    """Where neither is there, as on Windows, it imports and delivers in memory mode."""
    script = (
        "import os, sys\n"
        "sys.modules['fcntl'] = None\n"
        "del os.fork, os.register_at_fork\n"
        "from flask import Flask\n"
        "from flask_kafka_events import KafkaEvents\n"
        "app = Flask('shop')\n"
        f"app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS={broker.address!r}, KAFKA_EVENTS_TOPIC='shop_events')\n"
        "assert KafkaEvents(app).for_app(app).emit('tick', wait=10).offset == 0\n"
    )
    subprocess.run([sys.executable, "-c", script], timeout=30, check=True)


def test_handler_is_left_alone_where_there_is_one() -> None:
    """init_app outside the main thread, where SIGTERM is handled, or told not to, changes nothing."""
    before = signal.getsignal(signal.SIGTERM)
    mine = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        KafkaEvents(Flask("a"))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        app = Flask("c")
        app.config["KAFKA_EVENTS_HANDLE_SIGTERM"] = False
        KafkaEvents(app)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, mine)
    thread = threading.Thread(target=lambda: KafkaEvents(Flask("b")))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_closes_then_is_sent_again(broker: Lease) -> None:
    """The handler closes in a thread of its own, ignores a second SIGTERM meanwhile, and dies by the default."""
    app = make_app(broker.address, PRODUCER={"linger.ms": 60_000})
    handler = signal.getsignal(signal.SIGTERM)
    assert callable(handler)
    signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGTERM}
    )  # so that this process outlives its own signals
    try:
        of(app).emit("tick")
        handler(signal.SIGTERM, None)
        handler(signal.SIGTERM, None)
        signal.sigwait({signal.SIGTERM})
        assert of(app).stats().delivered == 1
        handler(signal.SIGTERM, None)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.sigwait({signal.SIGTERM})
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def test_thread_that_can_not_start_is_a_counted_drop(broker: Lease) -> None:
    """Where the system gives no more threads the event is dropped with its reason, and nothing is raised."""
    script = (
        "import resource, threading\n"
        "from tests.wire.test_delivery import make_app, of\n"
        f"app = make_app({broker.address!r})\n"
        "threading.stack_size(1 << 40)\n"
        "of(app).emit('tick')\n"
        "assert of(app).stats().dropped_by_reason == {'no_thread': 1}, of(app).stats()\n"
    )
    subprocess.run([sys.executable, "-c", script], timeout=30, check=True)


def test_refused_credentials_that_can_not_be_renewed_stay(
    broker: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that raises when it is asked again is told, and the events go on."""
    answers = [("app", "password")]
    factory = Factory()
    app = make_app(broker.address, factory, CREDENTIALS=answers.pop)
    of(app).emit("tick", wait=10)
    factory.configs[0]["error_cb"](KafkaError(KafkaError._AUTHENTICATION, "refused"))  # noqa: SLF001 - public
    wait_until(lambda: "IndexError was raised; the old ones stay" in caplog.text, "the log tells")
    assert of(app).emit("tick", wait=10) is not None
    of(app).close()
    factory.producers.clear()
