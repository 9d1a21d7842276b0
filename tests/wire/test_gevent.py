"""Under gevent's monkey patching: nothing is lost, and no greenlet waits because of us."""

import signal
from functools import partial

from flask_kafka_events.embedded import Lease
from tests.wire import test_exits
from tests.wire.test_exits import arrived

PATCHED = (
    "from gevent import monkey\n"
    "monkey.patch_all()\n"
    "import gevent\n"
    "from flask_kafka_events import event_delivered\n"
)
#: Runs a script whose threads are greenlets.
run = partial(test_exits.run, before=PATCHED)


def test_greenlets_emit_wait_and_close(broker: Lease) -> None:
    """Events of many greenlets arrive, `wait=` returns, and the exit sends what is still batched."""
    ended = run(
        broker.address,
        "def play():\n"
        "    assert of(app).emit('waited', wait=10).topic == 'shop_events'\n"
        "    of(app).emit('batched')\n"
        "gevent.joinall([gevent.spawn(play) for _ in range(20)], raise_error=True)\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert arrived(broker) == 40


def test_receivers_run_in_a_greenlet_of_the_hub(broker: Lease) -> None:
    """What an app's receiver and its log share with greenlets is used in one real thread, as gevent needs it."""
    ended = run(
        broker.address,
        "ask = monkey.get_original('_thread', 'get_ident')\n"
        "numbers = []\n"
        "def note(_, **what):\n"
        "    numbers.append(ask())\n"
        "event_delivered.connect(note)\n"
        "of(app).emit('waited', wait=10)\n"
        "assert numbers == [ask()]\n",
    )
    assert ended.returncode == 0, ended.stderr


def test_sigterm_closes_and_kills(broker: Lease) -> None:
    """SIGTERM in a process without a server's handler sends what is batched, and its status stays."""
    ended = run(
        broker.address, "of(app).emit('batched')\nos.kill(os.getpid(), signal.SIGTERM)\ngevent.sleep(20)\n"
    )
    assert ended.returncode == -signal.SIGTERM, ended.stderr
    assert arrived(broker) == 1


def test_hub_goes_on_while_a_thousand_are_given_up() -> None:
    """With the broker away, waiting, flushing and dropping 1,000 events leave the other greenlets their turns.

    Compared are the longest pauses with a fifth of the whole time: a blocking flush or close would be one pause.
    """
    ended = run(
        "127.0.0.1:1",
        "import gc\n"
        "gc.disable()\n"
        "def tick():\n"
        "    while True:\n"
        "        turns.append(time.monotonic())\n"
        "        gevent.sleep(0.001)\n"
        "turns = []\n"
        "ticking = gevent.spawn(tick)\n"
        "for number in range(1000):\n"
        "    of(app).emit('lost')\n"
        "    number % 50 or gevent.sleep(0)\n"
        "turns.clear()\n"
        "assert not of(app).flush(0.3)\n"
        "assert not of(app).close(0.3)\n"
        "pauses = sorted(later - turn for turn, later in zip(turns, turns[1:]))\n"
        "assert len(pauses) > 20\n"
        "assert pauses[-3] < 0.06, pauses[-5:]\n"
        "assert of(app).stats().dropped_by_reason == {'closed': 1000}\n"
        "ticking.kill()\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("event(s) lost (closed)") == 1, ended.stderr
    assert "1000 event(s) lost (closed)" in ended.stderr


def test_credentials_reach_the_real_producer() -> None:
    """New credentials are given to librdkafka's own producer, and a constructor's error is the caller's."""
    ended = run(
        "127.0.0.1:1",
        "from confluent_kafka import KafkaException, Producer\n"
        "from flask_kafka_events.delivery import native\n"
        "silent = type('Silent', (), {'log': lambda *_: None})()\n"
        "config = {'bootstrap.servers': sys.argv[1], 'error_cb': print, 'sasl.mechanism': 'PLAIN'}\n"
        "producer = native.build(Producer, {**config, 'security.protocol': 'SASL_PLAINTEXT', "
        "'sasl.username': 'a', 'sasl.password': 'b'}, logger=silent)\n"
        "producer.set_sasl_credentials('a', 'c')\n"
        "native.end(producer)\n"
        "try:\n"
        "    native.build(Producer, {**config, 'linger.ms': -1}, logger=silent)\n"
        "except KafkaException:\n"
        "    print('refused')\n",
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "refused\n", "")


def test_signal_handler_can_start_work_in_the_hub() -> None:
    """Work is started also where nothing may wait: in the hub, which a signal may have interrupted."""
    ended = run(
        "127.0.0.1:1",
        "from flask_kafka_events.delivery import native\n"
        "done = threading.Event()\n"
        "gevent.get_hub().loop.run_callback(lambda: native.start_thread(done.set, name='aside'))\n"
        "assert done.wait(5)\n"
        "assert native.thread_id() == monkey.get_original('_thread', 'get_ident')() != threading.get_ident()\n",
    )
    assert (ended.returncode, ended.stderr) == (0, "")


JOURNAL = (
    "import tempfile\n"
    "from pathlib import Path\n"
    "folder = tempfile.TemporaryDirectory()\n"
    "app = make_app(sys.argv[1], PRODUCER={'linger.ms': 60000}, CLOSE_SECONDS=3, JOURNAL=folder.name)\n"
    "files = lambda: sorted(path.suffix for path in (Path(folder.name) / 'shop').iterdir())\n"
)


def test_large_log_of_a_journal_is_brought_in(broker: Lease) -> None:
    """SQLite's log is checkpointed beside the hub, and begins anew; everything arrives."""
    ended = run(
        broker.address,
        f"{JOURNAL}"
        "from flask_kafka_events.delivery.upkeep import WAL_BYTES\n"
        "from tests.processes import wait_until\n"
        "log = lambda: sum(each.stat().st_size for each in (Path(folder.name) / 'shop').glob('*-wal'))\n"
        "while log() <= WAL_BYTES:\n"
        "    of(app).emit('large', {'text': 'x' * 100_000})\n"
        "def is_cut():\n"
        "    of(app).emit('large', {'text': 'x' * 10_000})\n"
        "    return log() < WAL_BYTES\n"
        "wait_until(is_cut, 'the log is brought in')\n"
        "emitted = of(app).stats().emitted\n"
        "assert of(app).close()\n"
        "assert files() == []\n"
        "print(emitted)\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert arrived(broker) == int(ended.stdout)


def test_hub_itself_emits_without_waiting(broker: Lease) -> None:
    """A signal handler's emit, in the hub, while a greenlet opens the journal: its event goes by memory, and arrives."""
    ended = run(
        broker.address,
        f"{JOURNAL}"
        "def emit(type):\n"
        "    try:\n"
        "        of(app).emit(type)\n"
        "    except BaseException as error:\n"
        "        print(repr(error))\n"
        "of(app).start()\n"
        "first = gevent.spawn(emit, 'greenlet')\n"
        "gevent.get_hub().loop.run_callback(emit, 'hub')\n"
        "first.join()\n"
        "gevent.get_hub().loop.run_callback(emit, 'hub, later')\n"
        "gevent.sleep(0)\n"
        "assert of(app).close()\n"
        "assert of(app).stats().delivered == 3\n"
        "assert files() == []\n",
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert arrived(broker) == 3


def test_hub_itself_opens_a_journal(broker: Lease) -> None:
    """A signal handler's emit can be the first one, of a process that was started."""
    ended = run(
        broker.address,
        f"{JOURNAL}"
        "of(app).start()\n"
        "gevent.get_hub().loop.run_callback(of(app).emit, 'hub')\n"
        "gevent.sleep(0)\n"
        "assert '.journal' in files()\n"
        "assert of(app).close()\n"
        "assert files() == []\n",
    )
    assert ended.returncode == 0, ended.stderr
    assert arrived(broker) == 1


def test_hub_itself_writes_and_flushes_only_what_nobody_is_at() -> None:
    """While a greenlet has a journal's locks, an emit in the hub waits in memory, and leaves the flush to it."""
    ended = run(
        "127.0.0.1:1",
        f"{JOURNAL}"
        "from flask_kafka_events.delivery.settled import Settled\n"
        "from flask_kafka_events.delivery.shipment import Shipment\n"
        "from flask_kafka_events.event import Record\n"
        "of(app).emit('first')\n"
        "(source,) = app.extensions['kafka_events'].process._keeping._sources\n"
        "record = Record(id='1', type='sold', topic='shop_events', key=None, value=b'v', headers=())\n"
        "shipments = [Shipment(record=record) for _ in range(2)]\n"
        "def busy(work):\n"
        "    work()\n"
        "    if len(calls) == 1:\n"
        "        gevent.get_hub().loop.run_callback(source.keep, shipments[0])\n"
        "        gevent.sleep(0.01)\n"
        "    calls.append(work)\n"
        "calls = []\n"
        "from flask_kafka_events.delivery import upkeep\n"
        "upkeep.WAL_BYTES = 0\n"
        "source.tidy(busy)\n"
        "source.keep(shipments[1])\n"
        "print([each.kept_in for each in shipments])\n"
        "class Slow:\n"
        "    def forget(self, seqs):\n"
        "        gevent.get_hub().loop.run_callback(lambda: settled.flush(at_least=1))\n"
        "        gevent.sleep(0.01)\n"
        "settled = Settled(Slow, buried=print)\n"
        "settled.forget(1)\n"
        "settled.flush(at_least=1)\n"
        "assert not settled\n"
        "os._exit(0)\n",
    )
    assert (ended.returncode, ended.stdout) == (0, "['memory', 'file']\n"), ended.stderr
