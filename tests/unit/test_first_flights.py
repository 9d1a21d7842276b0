"""One event of a key flies ahead until the broker has it, and nothing that waits behind it is forgotten."""

from typing import Any

from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.delivery.first_flights import REMEMBERED, FirstFlights
from flask_kafka_events.delivery.gate import Gate
from flask_kafka_events.delivery.shipment import Shipment
from flask_kafka_events.event import Record
from tests.sending import KeepingProducer, shop


def shipment(key: str | None, *, topic: str = "t") -> Shipment:
    """A shipment of a key."""
    key_bytes = None if key is None else key.encode()
    return Shipment(record=Record(id="1", type="x", topic=topic, key=key_bytes, value=b"v", headers=()))


class Taking:
    """A producer that takes what it gets, or raises."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.keys: list[bytes | None] = []

    def produce(self, _topic: str, _value: bytes, key: bytes | None, **_: object) -> None:
        """Take a message."""
        if self.error is not None:
            raise self.error
        self.keys.append(key)

    def __len__(self) -> int:
        return len(self.keys)


def open_gate() -> tuple[Gate, Taking]:
    """A gate that flows."""
    gate = Gate(knows=lambda _: True, report=lambda *_: None, scrubbed=str)
    producer = Taking()
    gate.connect(producer)  # type: ignore[arg-type]  # what a gate asks of a producer
    gate.feed()
    return gate, producer


def sent(gate: Gate, *shipments: Shipment) -> None:
    """Hand these to the gate."""
    for each in shipments:
        assert gate.accept(each) is None


def test_first_of_a_key_flies_alone() -> None:
    """Those behind it fly when the broker has it, and from then on nothing of that key is held."""
    gate, producer = open_gate()
    first = shipment("ana")
    sent(gate, first, shipment("ana"), shipment("ana"), shipment("bo"))
    assert producer.keys == [b"ana", b"bo"]
    assert gate.held() == 4
    assert gate.land(first, taken=True) == []
    sent(gate, shipment("ana"))
    assert producer.keys == [b"ana", b"bo", b"ana", b"ana", b"ana"]


def test_events_without_a_key_never_wait_for_each_other() -> None:
    """They have no order, so nothing is held for it."""
    gate, producer = open_gate()
    first = shipment(None)
    sent(gate, first, shipment(None))
    assert len(producer) == 2
    assert gate.land(first, taken=True) == []


def test_same_key_in_another_topic_is_another_one() -> None:
    """A key's order is a topic's own."""
    gate, producer = open_gate()
    sent(gate, shipment("ana"), shipment("ana", topic="other"))
    assert len(producer) == 2


def test_first_that_was_refused_makes_way_for_the_next() -> None:
    """What the broker refused for good proves nothing: the next one of its key flies alone too."""
    gate, producer = open_gate()
    first, second, third = (shipment("ana") for _ in range(3))
    sent(gate, first, second, third)
    gate.land(first, taken=False)
    assert len(producer) == 2
    gate.land(second, taken=True)
    assert len(producer) == 3


def test_full_librdkafka_queue_keeps_those_that_were_held_in_order() -> None:
    """What can't fly when its turn comes waits ahead of all that came later."""
    gate, producer = open_gate()
    first, second, third = (shipment("ana") for _ in range(3))
    sent(gate, first, second, third)
    producer.error = BufferError()
    gate.land(first, taken=True)
    later = shipment("ana")
    sent(gate, later)
    assert gate.take_waiting() == [second, third, later]


def test_held_event_that_librdkafka_refuses_is_given_back() -> None:
    """It has its end, with its reason; those behind it go on."""
    gate, producer = open_gate()
    first, second, third = (shipment("ana") for _ in range(3))
    sent(gate, first, second, third)
    producer.error = KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
    refused = gate.land(first, taken=True)
    assert [(each, end.reason) for each, end in refused] == [
        (second, "MSG_SIZE_TOO_LARGE"),
        (third, "MSG_SIZE_TOO_LARGE"),
    ]
    assert gate.take_waiting() == []


def test_held_event_that_librdkafka_refuses_is_told_as_failed() -> None:
    """The ledger has it, like one that was refused at once."""

    class Refusing(KeepingProducer):
        def produce(self, *arguments: Any, **more: Any) -> None:
            if self.sent:
                raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
            super().produce(*arguments, **more)

    with shop(make=Refusing) as held:
        for _ in range(3):
            held.mine.emit("sold", key="ana")
        assert held.mine.flush(5)
        stats = held.mine.stats()
        assert (stats.delivered, stats.failed_by_reason) == (1, {"MSG_SIZE_TOO_LARGE": 2})
        assert held.is_accounted_for()


def test_another_producer_sends_what_the_last_one_held_and_proves_each_key_anew() -> None:
    """What is held when a producer ends waits for the next one, to which every key is new."""
    gate, _ = open_gate()
    first, second = shipment("ana"), shipment("ana")
    sent(gate, first, second)
    gate.disconnect()
    gate.put_back([first])
    producer = Taking()
    gate.connect(producer)  # type: ignore[arg-type]  # what a gate asks of a producer
    assert gate.feed() == (2, [])
    assert len(producer) == 1
    gate.land(first, taken=True)
    assert len(producer) == 2


def test_what_is_held_at_the_end_is_taken_with_the_rest() -> None:
    """A close leaves nothing behind."""
    gate, _ = open_gate()
    first, second = shipment("ana"), shipment("ana")
    sent(gate, first, second)
    gate.close()
    assert gate.take_waiting() == [second]


def test_remembered_keys_are_bounded() -> None:
    """Past a limit every key is asked again, so that a key an event doesn't fill the memory."""
    flights = FirstFlights()
    for number in range(REMEMBERED + 1):
        each = shipment(str(number))
        flights.take_off((each.record.topic, str(number).encode()))
        flights.land(each, taken=True)
    assert flights.route_of(shipment("0")) is not None
    assert flights.route_of(shipment(str(REMEMBERED))) is None


@given(steps=st.lists(st.sampled_from(["ana", "bo", "taken", "refused"]), max_size=60))
def test_whatever_comes_each_flies_once_and_in_order(steps: list[str]) -> None:
    """Of emits, acknowledgements and refusals in any order none is lost, doubled or overtaken."""
    gate, producer = open_gate()
    accepted: dict[bytes, list[Shipment]] = {b"ana": [], b"bo": []}
    landed = 0
    for step in steps:
        if step in ("ana", "bo"):
            accepted[step.encode()].append(shipment(step))
            sent(gate, accepted[step.encode()][-1])
        elif landed < len(producer):
            key = producer.keys[landed] or b""
            nth = producer.keys[:landed].count(key)
            gate.land(accepted[key][nth], taken=step == "taken")
            landed += 1
    flown = {key: producer.keys.count(key) for key in accepted}
    held = gate.take_waiting()
    for key, shipments in accepted.items():
        assert [each for each in held if each.record.key == key] == shipments[flown[key] :]
