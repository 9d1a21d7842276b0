"""Joining the embedded broker from several processes."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from flask_kafka_events import embedded
from flask_kafka_events.embedded.rendezvous import Rendezvous
from flask_kafka_events.errors import EmbeddedBrokerError
from tests.processes import is_running, wait_until
from tests.wire.embedded_broker import LINGER, line_of, partitions, produce, read, user

PRODUCER = """
import sys
from pathlib import Path
from flask_kafka_events import embedded
from tests.wire.embedded_broker import produce
with embedded.join(Path(sys.argv[1]), linger=float(sys.argv[2])) as lease:
    print(lease.create_topic("orders"), produce(lease.address, "orders", "from afar"), flush=True)
"""

FORKS = """
import os, sys
from pathlib import Path
from flask_kafka_events import embedded
lease = embedded.join(Path(sys.argv[1]), linger=float(sys.argv[2]))
print(lease.address, lease.pid, flush=True)
if os.fork() == 0:
    sys.stdin.read()
"""


def join(directory: Path) -> embedded.Lease:
    """Join with a linger that a test can wait for."""
    return embedded.join(directory, linger=LINGER)


def test_who_joins_at_once_gets_the_same_broker(tmp_path: Path) -> None:
    """Processes that join at the same moment share one broker."""
    with ExitStack() as stack:
        users = [stack.enter_context(user(tmp_path)) for _ in range(4)]
        assert len({line_of(process) for process in users}) == 1


def test_two_directories_have_two_brokers(tmp_path: Path) -> None:
    """Another directory has another broker."""
    with join(tmp_path / "a") as one, join(tmp_path / "b") as other:
        assert one.address != other.address


def test_an_event_of_one_process_is_read_by_another(tmp_path: Path) -> None:
    """An event that another process produced, on a topic it created, is read here."""
    with join(tmp_path) as lease:
        with user(tmp_path, PRODUCER) as process:
            assert line_of(process) == "True ['']"
        assert not lease.create_topic("orders")
        assert read(lease.address, "orders", 1) == ["from afar"]


def test_a_topic_has_one_partition(tmp_path: Path) -> None:
    """A topic has one partition unless more are asked for."""
    with join(tmp_path) as lease:
        assert lease.create_topic("orders")
        assert lease.create_topic("wide", partitions=3)
        assert (partitions(lease.address, "orders"), partitions(lease.address, "wide")) == (1, 3)


def test_the_broker_survives_its_starter(tmp_path: Path) -> None:
    """A broker whose starter was killed goes on for its other users, with its events."""
    with user(tmp_path) as starter:
        address = line_of(starter).split()[0]
        with join(tmp_path) as lease:
            lease.create_topic("orders")
            produce(lease.address, "orders", "kept")
            starter.kill()
            starter.wait()
            assert lease.address == address
            assert read(address, "orders", 1) == ["kept"]


def test_events_survive_a_gap(tmp_path: Path) -> None:
    """Events are still there when the next user comes within the linger, as after a code reload."""
    with join(tmp_path) as lease:
        lease.create_topic("orders")
        produce(lease.address, "orders", "kept")
    with join(tmp_path) as again:
        assert again.address == lease.address
        assert read(again.address, "orders", 1) == ["kept"]


def test_it_ends_after_its_last_user(tmp_path: Path) -> None:
    """After its last user has left, the broker's process and its files go."""
    with user(tmp_path) as first, join(tmp_path) as lease:
        line_of(first)
    wait_until(lambda: not is_running(lease.pid), "the broker has ended")
    assert not [path for path in tmp_path.rglob("*") if not path.is_dir()]


def test_a_collected_lease_is_released(tmp_path: Path) -> None:
    """A lease that is forgotten holds the broker no longer, and releasing twice is harmless."""
    lease = join(tmp_path)
    place = Rendezvous(tmp_path / "embedded-broker")
    forgotten = join(tmp_path)
    lease.release()
    lease.release()
    assert place.in_use()
    del forgotten
    gc.collect()
    assert not place.in_use()


def test_a_forked_process_holds_the_broker(tmp_path: Path) -> None:
    """A forked process keeps the broker of its parent that has ended."""
    with user(tmp_path, FORKS) as process:
        line_of(process)
        process.wait()
        assert Rendezvous(tmp_path / "embedded-broker").in_use()
    wait_until(
        lambda: not (tmp_path / "embedded-broker" / "broker.json").exists(), "the broker has cleared up"
    )


def test_a_killed_broker_is_replaced(tmp_path: Path) -> None:
    """Who joins after the broker was killed gets a new one; who had the old one is told."""
    with join(tmp_path) as old:
        os.kill(old.pid, signal.SIGKILL)
        wait_until(lambda: not is_running(old.pid), "the broker has ended")
        with pytest.raises(EmbeddedBrokerError, match=rf"{old.address} .* doesn't answer: .* Join it again"):
            old.create_topic("orders")
        with join(tmp_path) as new:
            assert new.create_topic("orders")
            assert produce(new.address, "orders", "first") == [""]


def test_a_broker_that_hangs_is_told(tmp_path: Path) -> None:
    """A broker that lives and doesn't answer is an error with its process, not replaced in silence."""
    with join(tmp_path) as lease:
        os.kill(lease.pid, signal.SIGSTOP)
        try:
            with pytest.raises(
                EmbeddedBrokerError, match=f"doesn't answer. End its process, {lease.pid}, and"
            ):
                embedded.join(tmp_path, start_seconds=0.2)
        finally:
            os.kill(lease.pid, signal.SIGCONT)


def test_it_ends_with_its_directory(tmp_path: Path) -> None:
    """A broker whose directory is removed ends although it has a user."""
    with join(tmp_path / "instance") as lease:
        shutil.rmtree(tmp_path / "instance")
        wait_until(lambda: not is_running(lease.pid), "the broker has ended")


def test_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    """The broker is in a session of its own, to which the terminal sends no signal."""
    with join(tmp_path) as lease:
        assert os.getsid(lease.pid) != os.getsid(0)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc: run it on Linux")
def test_it_inherits_no_descriptor(tmp_path: Path) -> None:
    """The broker has none of its starter's descriptors, not even one marked as inheritable."""
    targets: dict[str, str] = {}
    with (tmp_path / "file").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        with join(tmp_path) as lease:
            for entry in Path(f"/proc/{lease.pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # the broker opens and closes its locks all the time
                    targets[entry.name] = str(entry.readlink())
    assert file.name not in targets.values()
    assert {targets[number].split("/")[1] for number in "012"} == {"dev"}


def test_a_wrong_command_is_told(tmp_path: Path) -> None:
    """What the broker refuses comes back as an error that names the field."""
    with join(tmp_path) as lease, pytest.raises(EmbeddedBrokerError, match=r"`\$\.name`"):
        lease.create_topic("no such name")


def test_faults(tmp_path: Path) -> None:
    """A lease makes requests fail and takes the broker down and up; then events arrive again."""
    with join(tmp_path) as lease:
        lease.create_topic("orders")
        lease.refuse("TOPIC_AUTHORIZATION_FAILED")
        assert produce(lease.address, "orders", "a") == ["TOPIC_AUTHORIZATION_FAILED"]
        lease.refuse("TOPIC_AUTHORIZATION_FAILED", n=5)
        lease.accept()
        lease.fail_topic("orders", "TOPIC_AUTHORIZATION_FAILED")
        lease.fail_topic("orders", None)
        lease.broker_down()
        assert produce(lease.address, "orders", "b", **{"message.timeout.ms": 100}) == ["_MSG_TIMED_OUT"]
        lease.broker_up()
        lease.round_trip(1)
        assert produce(lease.address, "orders", "c") == [""]


def test_the_address_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who joins logs one warning with the address, to the logger of its choice or the package's."""
    with join(tmp_path) as lease, embedded.join(tmp_path, log=logging.getLogger("shop")):
        line = f"embedded broker at {lease.address} (in memory, for development)"
    warning = logging.WARNING
    assert caplog.record_tuples == [("flask_kafka_events", warning, line), ("shop", warning, line)]
