"""With a journal also processes without a server lose nothing, however they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flask_kafka_events.counting.place import COUNTERS
from flask_kafka_events.embedded import Lease
from tests.servers.kinds import KINDS
from tests.servers.served import TOPIC
from tests.servers.serving import ROOT, arrived, serving_kind
from tests.servers.test_journal import environment, journal_of, rows

START = """
import multiprocessing, os, signal, sys, time
from tests.processes import wait_until
from tests.servers.served import create_app, events
app = create_app()
mine = events.for_app(app)
"""

# The last process of each test: it emits once, and what others left goes with it.
NEXT = "mine.emit('next')\n"

LEAVES = "for _ in range(3):\n    mine.emit('left')\nos._exit(0)\n"

# The parent has a file and a claim of its own before the fork: the child inherits both, and may use neither.
KILLED_CHILD = """
mine.emit('parent')
def work():
    for _ in range(3):
        mine.emit('child')
    os.kill(os.getpid(), signal.SIGKILL)
child = multiprocessing.get_context('fork').Process(target=work)
child.start()
child.join()
assert child.exitcode == -signal.SIGKILL
"""

# It looks every few seconds.
PARENT_ADOPTS = (
    "wait_until(lambda: mine.stats().adopted == 3, 'the parent has adopted its child\\'s events')\n"
)

SIBLING_ADOPTS = """
sibling = multiprocessing.get_context('fork').Process(target=lambda: mine.emit('sibling'))
sibling.start()
sibling.join()
assert sibling.exitcode == 0
assert mine.stats().adopted == 0
os._exit(0)  # the parent's own event waits for the next process
"""

# Two of the same name, as two apps of one factory are, and one of another name.
THREE_APPS = """
for each in (app, create_app(), create_app('other')):
    events.for_app(each).emit('left')
os._exit(0)
"""

OTHER_APP = "events.for_app(create_app('other')).emit('next')\n"


def run(folder: Path, address: str, script: str, **more: str) -> None:
    """Run a script with a served app that has a journal, to its end."""
    subprocess.run(
        [sys.executable, "-c", START + script],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SERVED_BROKER": address, **environment(folder, **more)},
        check=True,
        timeout=30,
    )


def types(broker: Lease, topic: str = TOPIC) -> list[str]:
    """The types of all events on a topic, each event once."""
    return sorted(json.loads(value)["type"] for value in set(arrived(broker.address, topic)))


def test_script_that_leaves_at_once_loses_nothing(broker: Lease, tmp_path: Path) -> None:
    """What a script emitted before os._exit, past every exit handler, is sent by the next process that emits."""
    run(tmp_path, broker.address, LEAVES)
    assert rows(tmp_path) == 3
    assert types(broker) == []
    run(tmp_path, broker.address, NEXT)
    assert types(broker) == ["left", "left", "left", "next"]
    assert list(journal_of(tmp_path).iterdir()) == []


@pytest.mark.parametrize(
    ("adopter", "by"), [(PARENT_ADOPTS, "parent"), (SIBLING_ADOPTS, "sibling")], ids=["parent", "sibling"]
)
def test_killed_child_loses_nothing(broker: Lease, tmp_path: Path, adopter: str, by: str) -> None:
    """What a forked child left when it was killed is sent by its living parent, or by another child beside that."""
    run(tmp_path, broker.address, KILLED_CHILD + adopter)
    assert types(broker) == sorted(["child", "child", "child", by])
    run(tmp_path, broker.address, NEXT)
    assert set(types(broker)) == {"child", "parent", by, "next"}
    assert list(journal_of(tmp_path).iterdir()) == []


def test_apps_of_one_process_share_a_directory(broker: Lease, tmp_path: Path) -> None:
    """Apps leave files side by side; each goes to an app of its own name, and one of another name sends none of them."""
    broker.create_topic("other")
    run(tmp_path, broker.address, THREE_APPS)
    run(tmp_path, broker.address, NEXT)
    assert types(broker) == ["left", "left", "next"]
    assert types(broker, "other") == []
    run(tmp_path, broker.address, OTHER_APP)
    assert types(broker, "other") == ["left", "next"]
    apps = [each for each in (tmp_path / "journal").iterdir() if each.suffix != COUNTERS]
    assert [list(each.iterdir()) for each in apps] == [[], []]


def test_master_that_emitted_before_the_fork_loses_nothing(broker: Lease, tmp_path: Path) -> None:
    """Workers have files of their own although they inherit their master's, which it goes on to use."""
    kind = KINDS["preload"]
    started = environment(tmp_path, SERVED_EMITS_BEFORE_FORK="1")
    with serving_kind(broker.address, tmp_path, kind, **started) as server:
        for number in range(20):
            server.get(f"/buy/{number}")
        assert server.end(kind.signum) == kind.status
    assert types(broker) == ["bought"] * 20 + ["started"]
    assert list(journal_of(tmp_path).iterdir()) == []
