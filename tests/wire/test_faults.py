"""Faults that a user orders: each bites on the real path as documented, and all is well and delivered after it."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from flask import Flask
from flask.testing import FlaskClient

from flask_kafka_events import (
    AppEvents,
    Delivery,
    DeliveryFailed,
    KafkaEvents,
    Loss,
    Record,
    emit_event,
    event_delivered,
    event_failed,
)
from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.testing import FaultError, faults
from tests.processes import wait_until
from tests.wire.embedded_broker import produce, read


@dataclass(frozen=True, kw_only=True)
class Shop:
    """An app on the embedded broker, in production mode."""

    app: Flask
    client: FlaskClient
    events: AppEvents

    def sell(self) -> int:
        """One request; its status."""
        return self.client.post("/swords").status_code


def open_shop(instance: Path, servers: str = "embedded", **settings: Any) -> Shop:
    """An app with a view that emits `sold`."""
    app = Flask("shop", instance_path=str(instance))
    app.config.update(KAFKA_EVENTS_BOOTSTRAP_SERVERS=servers, KAFKA_EVENTS_TOPIC="sales")
    app.config.update({f"KAFKA_EVENTS_{key}": value for key, value in settings.items()})
    events = KafkaEvents(app).for_app(app)

    @app.post("/swords")
    @emit_event("sold")
    def sell() -> str:
        return "Sold!"

    return Shop(app=app, client=app.test_client(), events=events)


@pytest.fixture
def broker(instance: Path) -> Iterator[Lease]:
    """The embedded broker of that folder; it ends right after its last user."""
    with join(instance, linger=0.3) as lease:
        yield lease


@pytest.fixture
def shop(instance: Path, broker: Lease) -> Iterator[Shop]:
    """An app on it."""
    held = open_shop(instance)
    yield held
    held.events.close()


def is_up(broker: Lease) -> bool:
    """Whether the broker answers a client that comes anew."""
    try:
        Producer({"bootstrap.servers": broker.address, "log_level": 0}).list_topics(timeout=0.5)
    except KafkaException:
        return False
    return True


def test_down_harms_no_answer_and_all_arrives_afterwards(
    shop: Shop, broker: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """While the broker is down views answer, events wait and the log tells; after the block they are delivered in order."""
    shop.sell()
    assert shop.events.flush(10)
    with faults.broker_down(shop.app):
        assert [shop.sell() for _ in range(3)] == [200] * 3
        wait_until(lambda: "Events wait until it is" in caplog.text, "the outage is told")
        assert not shop.events.flush(0.2)
        assert shop.events.stats().pending == 3
    assert shop.events.flush(20)
    stats = shop.events.stats()
    assert (stats.delivered, stats.failed, stats.dropped) == (4, 0, 0)
    assert len(read(broker.address, "sales", 4)) == 4


def test_down_before_the_first_event(shop: Shop) -> None:
    """A process that starts while the broker is down delivers as soon as it is back."""
    with faults.broker_down(shop.app):
        assert shop.sell() == 200
        assert not shop.events.flush(0.3)
    assert shop.events.flush(20)
    assert shop.events.stats().delivered == 1


def test_an_outage_within_an_outage_ends_with_the_outer_one(shop: Shop, broker: Lease) -> None:
    """The inner block doesn't bring back the broker that the outer one took down."""
    with faults.broker_down(shop.app):
        with faults.broker_down(shop.app):
            pass
        assert not is_up(broker)
    assert produce(broker.address, "sales", "again") == [""]


def test_every_fault_of_the_broker_is_undone_by_an_exception(shop: Shop, broker: Lease) -> None:
    """What leaves the block by an exception leaves no fault behind, and waits for no event."""
    orders = (
        faults.broker_down(shop.app),
        faults.refuse(shop.app, "TOPIC_AUTHORIZATION_FAILED", n=100),
        faults.slow(shop.app, ms=60_000),
    )
    for order in orders:
        with pytest.raises(ZeroDivisionError), order:
            raise ZeroDivisionError
    began = time.monotonic()
    assert produce(broker.address, "sales", "well") == [""]
    assert time.monotonic() - began < 20


def test_a_lasting_error_fails_so_many_requests(shop: Shop) -> None:
    """The first three events fail with the error's name, by ledger, signal and exception; the fourth is delivered."""
    failed: list[tuple[str, str]] = []

    def note(_: Flask, loss: Loss) -> None:
        failed.append((loss.type, loss.reason))

    with (
        event_failed.connected_to(note, sender=shop.app),
        faults.refuse(shop.app, "MSG_SIZE_TOO_LARGE", n=3),
    ):
        for _ in range(2):
            assert shop.sell() == 200
            assert shop.events.flush(10)
        with pytest.raises(DeliveryFailed, match="Send less data") as caught:
            shop.events.emit("sold", wait=10)
        assert shop.events.emit("sold", wait=10) == Delivery(topic="sales", partition=0, offset=0)
    assert caught.value.reason == "MSG_SIZE_TOO_LARGE"
    assert failed == [("sold", "MSG_SIZE_TOO_LARGE")] * 3
    stats = shop.events.stats()
    assert (stats.delivered, dict(stats.failed_by_reason)) == (1, {"MSG_SIZE_TOO_LARGE": 3})


def test_a_denied_topic_is_denied_until_the_block_ends(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """After one denial librdkafka denies by itself, with the same name; right after the block the topic is open."""
    with faults.refuse(shop.app, "TOPIC_AUTHORIZATION_FAILED"):
        for _ in range(3):
            assert shop.sell() == 200
            assert shop.events.flush(10)
    assert shop.events.emit("sold", wait=10) == Delivery(topic="sales", partition=0, offset=0)
    stats = shop.events.stats()
    assert (stats.delivered, dict(stats.failed_by_reason)) == (1, {"TOPIC_AUTHORIZATION_FAILED": 3})
    assert "lost (TOPIC_AUTHORIZATION_FAILED)" in caplog.text
    assert "Give the app's user the right" in caplog.text


def test_a_denial_that_ends_while_the_broker_is_down(shop: Shop) -> None:
    """Leaving the block doesn't fail, nor wait for long, and the topic is open again as soon as there is a broker."""
    with faults.broker_down(shop.app):
        with faults.refuse(shop.app, "TOPIC_AUTHORIZATION_FAILED", wait=0):
            shop.sell()
            wait_until(lambda: shop.events.stats().pending == 1, "it waits")
        assert shop.events.stats().pending == 1
    assert shop.events.flush(20)
    assert shop.events.stats().delivered == 1


def test_a_passing_error_makes_the_event_late(shop: Shop) -> None:
    """What is refused for a passing reason is sent again by librdkafka until it is taken, and delivered once."""
    delivered: list[int] = []

    def note(_: Flask, record: Record, delivery: Delivery) -> None:
        delivered.append(delivery.offset)

    shop.events.start()
    with (
        event_delivered.connected_to(note, sender=shop.app),
        faults.refuse(shop.app, "NOT_ENOUGH_REPLICAS", n=3),
    ):
        assert shop.sell() == 200
    stats = shop.events.stats()
    assert (stats.delivered, stats.failed, stats.pending) == (1, 0, 0)
    assert delivered == [0]


def test_an_endless_refusal_ends_with_the_block(shop: Shop) -> None:
    """An event that is refused as long as the block lasts is still pending at its end, and is delivered then."""
    with faults.refuse(shop.app, "NOT_ENOUGH_REPLICAS", n=10_000, wait=0):
        shop.sell()
        assert not shop.events.flush(0.5)
        assert shop.events.stats().pending == 1
    assert shop.events.flush(20)
    assert shop.events.stats().delivered == 1


def test_a_refusal_within_a_refusal_is_told(shop: Shop, broker: Lease) -> None:
    """A broker forgets all refusals at once, so the inner block's end would be the outer one's too: nothing is lost of that."""
    with faults.refuse(broker, "MSG_SIZE_TOO_LARGE", n=10):
        with (
            pytest.raises(FaultError, match="would end the refusals of the block around it"),
            faults.refuse(shop.app, "INVALID_RECORD"),
        ):
            pass
        shop.events.emit("sold")
        assert shop.events.flush(10)
    with faults.refuse(broker, "INVALID_RECORD"):
        shop.events.emit("sold")
        assert shop.events.flush(10)
    assert shop.events.stats().failed_by_reason == {"MSG_SIZE_TOO_LARGE": 1, "INVALID_RECORD": 1}


def test_a_connection_that_is_cut_loses_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """`_TRANSPORT` hangs up in place of an answer: the event is sent again, and is there once."""
    with faults.refuse(shop.app, "_TRANSPORT", n=2):
        shop.sell()
    assert shop.events.emit("last", wait=20) == Delivery(topic="sales", partition=0, offset=1)
    assert shop.events.stats().delivered == 2


def test_refused_by_a_journals_broker_is_a_dead_letter(instance: Path, broker: Lease, tmp_path: Path) -> None:
    """With a journal what was refused for good is kept."""
    held = open_shop(instance, JOURNAL=str(tmp_path / "journal"))
    with faults.refuse(held.app, "TOPIC_AUTHORIZATION_FAILED"):
        held.sell()
    stats = held.events.stats()
    assert (stats.dead, stats.failed) == (1, 0)
    held.events.close()


def test_slow_delays_the_acknowledgement_and_no_answer(shop: Shop) -> None:
    """A view answers before a slow broker does; the event is delivered, but no sooner than the delay says."""
    shop.events.emit("first", wait=10)
    with faults.slow(shop.app, ms=1_500):
        began = time.monotonic()
        assert shop.sell() == 200
        assert shop.events.stats().delivered == 1
        assert time.monotonic() - began < 1.5
    assert shop.events.stats().delivered == 2
    assert time.monotonic() - began >= 1.5
    began = time.monotonic()
    assert shop.events.emit("last", wait=10) is not None
    assert time.monotonic() - began < 1.5


def test_slow_within_slow_goes_back_to_the_outer_delay(broker: Lease) -> None:
    """The inner block restores what it found."""
    with faults.slow(broker, ms=250):
        with faults.slow(broker, ms=500):
            pass
        assert broker.round_trip(250) == 250
    assert broker.round_trip(0) == 0


def test_a_fault_starts_the_broker_where_there_is_none(
    instance: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """An app that hasn't emitted yet has no broker: the fault starts it, and the app alone tells where it is."""
    held = open_shop(instance)
    with faults.slow(held.app, ms=1):
        assert "embedded broker at" not in caplog.text + capsys.readouterr().err
        assert held.events.emit("sold", wait=10) is not None
    assert caplog.text.count("embedded broker at") == 1
    held.events.close()


def test_two_instance_folders_have_their_own_faults(tmp_path: Path) -> None:
    """What is ordered for one app's broker doesn't reach another folder's, though both lie in one directory."""
    with join(tmp_path / "gw0", linger=0.3), join(tmp_path / "gw1", linger=0.3) as other:
        one, two = open_shop(tmp_path / "gw0"), open_shop(tmp_path / "gw1")
        with faults.broker_down(one.app), faults.slow(one.app, ms=5_000, wait=0):
            assert two.events.emit("sold", wait=4) is not None
            assert (other.broker_down(), other.round_trip(0)) == (True, 0)
            other.broker_up()
        for held in (one, two):
            assert held.events.flush(10)
            held.events.close()


def test_a_broker_takes_orders_in_the_apps_place(shop: Shop, broker: Lease) -> None:
    """What embedded.join() returned works as well, and so does what holds that."""

    @dataclass(frozen=True)
    class Holder:
        lease: Lease

    for target in (broker, Holder(broker)):
        with faults.refuse(target, "POLICY_VIOLATION"), pytest.raises(DeliveryFailed):
            shop.events.emit("sold", wait=10)
    assert shop.events.emit("sold", wait=10) is not None


def test_an_app_that_knows_the_broker_by_address(tmp_path: Path, broker: Lease) -> None:
    """The fault finds the broker behind the address, until that has ended."""
    held = open_shop(tmp_path, servers=broker.address)
    with faults.refuse(held.app, "POLICY_VIOLATION"):
        held.sell()
    assert held.events.stats().failed_by_reason == {"POLICY_VIOLATION": 1}
    held.events.close()
    os.kill(broker.pid, signal.SIGTERM)
    wait_until(lambda: not broker.is_alive(), "it has ended")
    with (
        pytest.raises(FaultError, match=f"is on {broker.address}, which is none"),
        faults.broker_down(held.app),
    ):
        pass


def test_a_killed_brokers_address_is_none(tmp_path: Path) -> None:
    """One that couldn't take its signpost down isn't taken for a broker."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        held = open_shop(tmp_path, servers=lease.address)
        os.kill(lease.pid, signal.SIGKILL)
        wait_until(lambda: not lease.is_alive(), "it has ended")
        with (
            pytest.raises(FaultError, match=f"is on {lease.address}, which is none"),
            faults.slow(held.app, ms=1),
        ):
            pass


def test_a_forked_child_delivers_its_own_events(shop: Shop, broker: Lease) -> None:
    """Parent and child both emit after the fork; both deliver, and each counts its own."""
    shop.events.emit("first", wait=10)
    with faults.fork(shop.app, shop.sell) as child:
        assert child.pid != os.getpid()
        assert shop.sell() == 200
    assert shop.events.flush(10)
    assert child.result == 200
    assert (child.stats.emitted, child.stats.delivered) == (1, 1)
    assert shop.events.stats().delivered == 2
    assert len(read(broker.address, "sales", 3)) == 3


def test_a_child_of_an_outage_waits_and_counts(instance: Path, broker: Lease) -> None:
    """Faults are of the broker, so they reach the child: what it can't send by its end it counts as dropped."""
    held = open_shop(instance, CLOSE_SECONDS=0.3)
    with faults.broker_down(held.app), faults.fork(held.app, held.sell) as child:
        pass
    assert child.result == 200
    assert child.stats.dropped_by_reason == {"closed": 1}
    assert held.events.stats().emitted == 0
