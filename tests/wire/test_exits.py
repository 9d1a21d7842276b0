"""The end of a process, however it comes: what waits is sent, nothing hangs, nothing ignores SIGTERM."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from flask import Flask
from pytest_mock import MockerFixture

from flask_kafka_events import KafkaEvents
from flask_kafka_events.embedded import Lease
from tests.processes import losses_told
from tests.wire.test_delivery import make_app, of

BATCHED = "app = make_app(sys.argv[1], PRODUCER={'linger.ms': 60000}, CLOSE_SECONDS=3)\n"
START = (
    "import os, signal, sys, threading, time\nfrom tests.wire.test_delivery import make_app, of\n" + BATCHED
)


def run(address: str, script: str, *, before: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a script that has an app on that broker, whose events are batched for a minute; `before` comes first of all."""
    return subprocess.run(
        [sys.executable, "-c", before + START + script, address],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def arrived(broker: Lease) -> int:
    """How many events the broker has, before one more is sent."""
    reader = make_app(broker.address)
    delivery = of(reader).emit("last", wait=10)
    of(reader).close()
    assert delivery is not None
    assert delivery.offset is not None
    return delivery.offset


def test_multiprocessing_child_sends_what_waits(broker: Lease) -> None:
    """Its children leave past atexit: what they emitted is sent all the same."""
    ended = run(
        broker.address,
        "import multiprocessing\n"
        "of(app).emit('parent', wait=10)\n"
        "def work():\n"
        "    for _ in range(20):\n"
        "        of(app).emit('child')\n"
        "child = multiprocessing.get_context('fork').Process(target=work)\n"
        "child.start()\n"
        "child.join()\n"
        "assert child.exitcode == 0\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert arrived(broker) == 21


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(20)\n"])
def test_losses_without_a_producer_are_told_to_the_last(end: str) -> None:
    """Where no event could be sent, no poller writes the lines that are owed: the end of the process does."""
    ended = run("127.0.0.1:1", f"for _ in range(5):\n    of(app).emit('sold', {{1: 2}})\n{end}")
    assert ended.stderr.count("event(s) lost (encoding)") == 2, ended.stderr
    assert losses_told(ended.stderr) == 5


def test_receiver_that_exits_while_closing_keeps_nobody_alive(broker: Lease) -> None:
    """SIGTERM ends the process although closing raises, and the other app is closed too."""
    ended = run(
        broker.address,
        "from flask_kafka_events import event_dropped\n"
        "lost = make_app('127.0.0.1:1', CLOSE_SECONDS=0)\n"
        "def leave(_, **what):\n"
        "    sys.exit(5)\n"
        "event_dropped.connect(leave)\n"
        "of(lost).emit('lost')\n"
        "of(app).emit('sent')\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(20)\n",
    )
    assert ended.returncode == -signal.SIGTERM, ended.stderr
    assert arrived(broker) == 1


def test_child_forked_while_its_parent_closes_dies_of_sigterm() -> None:
    """A fork child inherits that its parent had begun to close, and begins anew."""
    ended = run(
        "127.0.0.1:1",
        "of(app).emit('waits')\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(0.2)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(20)\n"
        "    os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n"
        "time.sleep(20)\n",
    )
    assert ended.stdout == f"{-signal.SIGTERM}\n"
    assert ended.returncode == -signal.SIGTERM


def test_first_process_of_a_container_ends_too(mocker: MockerFixture) -> None:
    """For it the kernel ignores a signal with the default action: it leaves with the status a shell would tell.

    It may have been forked from the process that installed the handler, which had begun to close.
    """
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    getpid = mocker.patch.object(os, "getpid", return_value=2)
    sent = mocker.patch.object(os, "kill")
    left = mocker.patch.object(os, "_exit")
    again = threading.Event()
    mocker.patch.object(signal, "pthread_kill", side_effect=lambda *_: again.set())
    try:
        KafkaEvents(Flask("shop"))
        handler = signal.getsignal(signal.SIGTERM)
        assert callable(handler)
        getpid.return_value = 1
        handler(signal.SIGTERM, None)
        assert again.wait(10)
        handler(signal.SIGTERM, None)
        sent.assert_called_once_with(1, signal.SIGTERM)
        left.assert_called_once_with(128 + signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_all_apps_share_one_deadline_and_none_takes_anothers_time(broker: Lease) -> None:
    """With five apps whose broker is away, the sixth's events are sent, and each lost one is told with its count."""
    ended = run(
        broker.address,
        "import logging\n"
        "logging.basicConfig()\n"
        "lost = [make_app('127.0.0.1:1', CLOSE_SECONDS=1) for _ in range(5)]\n"
        "for each in [*lost, app]:\n"
        "    of(each).emit('tick')\n"
        "started = time.monotonic()\n"
        "from flask_kafka_events.delivery.exits import close_all\n"
        "close_all()\n"
        "assert time.monotonic() - started < 2 * 3 + 0.5, 'one deadline for all: the longest CLOSE_SECONDS is 3'\n"
        "print([dict(of(each).stats().dropped_by_reason) for each in lost])\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{[{'closed': 1}] * 5}\n"
    assert arrived(broker) == 1


def test_process_of_celerys_pool_sends_what_waits(broker: Lease) -> None:
    """It leaves by os._exit after Celery's own signal."""
    ended = run(
        broker.address,
        "from celery.signals import worker_process_shutdown\n"
        "of(app).emit('task')\n"
        "worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)\n"
        "os._exit(0)\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert arrived(broker) == 1


def test_aborted_process_closes_within_half_a_second() -> None:
    """Where a server makes an exit of SIGABRT, SIGKILL follows soon: the losses are told before it, not CLOSE_SECONDS later.

    A first emit outside the main thread, where no handler can be set, leaves the deadline as it is.
    """
    ended = run(
        "127.0.0.1:1",
        "def leave(*_):\n"
        "    sys.exit(7)\n"
        "signal.signal(signal.SIGABRT, leave)\n"
        "other = make_app('127.0.0.1:1', CLOSE_SECONDS=3)\n"
        "aside = threading.Thread(target=of(other).emit, args=('aside',))\n"
        "aside.start()\n"
        "aside.join()\n"
        "of(other).close(0)\n"
        "assert signal.getsignal(signal.SIGABRT) is leave\n"
        "of(make_app('127.0.0.1:1', CLOSE_SECONDS=0)).emit('waits')\n"
        "of(app).emit('waits')\n"
        "began = time.monotonic()\n"
        "import atexit\n"
        "import logging\n"
        "class Clock(logging.Handler):\n"
        "    def emit(self, record):\n"
        "        'lost' in record.getMessage() and print(time.monotonic() - began < 1, flush=True)\n"
        "app.logger.addHandler(Clock())\n"
        "os.kill(os.getpid(), signal.SIGABRT)\n",
    )
    assert (ended.returncode, ended.stdout) == (7, "True\nTrue\n"), ended.stderr
