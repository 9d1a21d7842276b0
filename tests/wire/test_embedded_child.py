"""The broker's process, run in this one."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flask_kafka_events.embedded.child import listen, main
from flask_kafka_events.embedded.cluster import librdkafka_path
from flask_kafka_events.embedded.control import (
    Accept,
    Answer,
    BrokerDown,
    BrokerUp,
    CreateTopic,
    FailTopic,
    Ping,
    Refuse,
    RoundTrip,
    ask,
)
from flask_kafka_events.embedded.rendezvous import Broker, Rendezvous, meeting_place
from tests.processes import wait_until
from tests.wire.embedded_broker import LINGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def place(tmp_path: Path) -> Rendezvous:
    """A place without a broker."""
    return meeting_place(tmp_path)


@pytest.fixture(autouse=True)
def _this_process() -> Iterator[None]:
    """Our stderr and our handler of SIGTERM, which the broker takes for its own."""
    stderr, handler = os.dup(2), signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)
    os.dup2(stderr, 2)
    os.close(stderr)


def run(place: Rendezvous, meanwhile: Callable[[Broker], object] = lambda _: None) -> None:
    """Be the broker until it ends, and do something else meanwhile."""

    def when_up() -> None:
        wait_until(lambda: place.announced() is not None, "the broker is up")
        broker = place.announced()
        assert broker is not None
        meanwhile(broker)

    with ThreadPoolExecutor() as pool:
        other = pool.submit(when_up)
        main(str(place.folder), librdkafka_path(), str(LINGER))
        other.result()


def test_it_ends_without_users(place: Rendezvous) -> None:
    """A broker that nobody uses ends after its linger and leaves no file."""
    started = time.monotonic()
    run(place)
    assert time.monotonic() - started >= LINGER
    assert not list(place.folder.iterdir())


def test_it_stays_for_its_users(place: Rendezvous) -> None:
    """A broker ends only when its linger has passed since its last user left."""
    left: list[float] = []

    def use(_: Broker) -> None:
        descriptor = place.enter(time.monotonic() + 5)
        # Longer than the linger: it has to pass while the place is in use.
        threading.Event().wait(2 * LINGER)
        left.append(time.monotonic())
        os.close(descriptor)

    run(place, use)
    assert time.monotonic() - left[0] >= LINGER / 2


def test_it_obeys(place: Rendezvous) -> None:
    """Each command that a broker knows is done and answered, a fault with what it found."""
    answers: list[Answer] = []

    def tell(broker: Broker) -> None:
        answers.extend(
            ask(broker.control, command)
            for command in (
                Ping(),
                CreateTopic(name="orders"),
                CreateTopic(name="orders"),
                Refuse(error="NOT_LEADER_FOR_PARTITION"),
                Accept(),
                FailTopic(name="orders", error="LEADER_NOT_AVAILABLE"),
                BrokerDown(),
                BrokerDown(),
                BrokerUp(),
                BrokerDown(),
                BrokerUp(),
                RoundTrip(ms=1),
                RoundTrip(ms=2),
            )
        )

    run(place, tell)
    assert answers == [
        Answer(), Answer(created=True), *[Answer()] * 4,
        Answer(was_up=True), Answer(), Answer(), Answer(was_up=True), Answer(), Answer(), Answer(delay=1),
    ]  # fmt: skip


def test_it_outlives_a_bad_command(place: Rendezvous) -> None:
    """A command that can't be done is answered with the reason, and the next one is done."""
    answers: list[Answer] = []

    def tell(broker: Broker) -> None:
        answers.append(ask(broker.control, Refuse(error="SULKING")))
        answers.append(ask(broker.control, Ping()))

    run(place, tell)
    assert "knows no error 'SULKING'" in str(answers[0].error)
    assert answers[1] == Answer()


def test_it_ends_when_its_file_is_gone(place: Rendezvous) -> None:
    """A broker that nobody can find any more ends although it has a user, and leaves no socket."""
    held: list[int] = []

    def remove(_: Broker) -> None:
        held.append(place.enter(time.monotonic() + 5))
        (place.folder / "broker.json").unlink()

    run(place, remove)
    os.close(held[0])
    assert {path.name for path in place.folder.iterdir()} <= {"users.lock"}


def test_it_clears_up_at_sigterm(place: Rendezvous) -> None:
    """A broker that gets SIGTERM takes its file and its socket with it."""
    with pytest.raises(SystemExit):
        run(place, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert {path.name for path in place.folder.iterdir()} <= {"users.lock"}


def test_its_socket_is_private(tmp_path: Path) -> None:
    """The control socket can be used by its owner only."""
    with listen(tmp_path) as listener:
        assert stat.S_IMODE(Path(listener.getsockname()).stat().st_mode) == 0o600


def test_a_dead_brokers_socket_is_replaced(tmp_path: Path) -> None:
    """A socket file that a killed broker left is no obstacle."""
    listen(tmp_path).close()
    with listen(tmp_path) as listener:
        assert listener.getsockname() == str(tmp_path / f"control-{os.getpid()}.sock")


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """A broker whose folder's path is too long for a socket listens in a temporary directory, and removes it."""
    place = meeting_place(tmp_path / ("long" * 30))
    control: list[Path] = []
    run(place, lambda broker: control.append(Path(broker.control)))
    assert control[0].parent.parent != place.folder
    assert not control[0].parent.exists()
