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
    assert ended.stderr.count("event(s) lost (closed)") == 2, (
        "the first one at once, then the others together"
    )


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
        "gevent.get_hub().loop.run_callback(lambda: native.start_aside(done.set, name='aside'))\n"
        "assert done.wait(5)\n"
        "assert native.thread_id() == monkey.get_original('_thread', 'get_ident')() != threading.get_ident()\n",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
