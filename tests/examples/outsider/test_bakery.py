from unittest.mock import ANY

import pytest
from bakery import bake, create_app, events

from flask_kafka_events.testing import capture_events


def test_an_order_is_told(client, kafka_events):
    assert client.post("/orders/ana/2").status_code == 201
    [event] = kafka_events.assert_emitted(
        "order_placed", key="ana", topic="bakery_events", data={"total": {"amount": 6}}, count=1
    )
    assert event.attributes["httpstatus"] == 201
    assert event.attributes["branch"] == "harbour"


def test_orders_come_in_their_order(client, kafka_events):
    for loaves in (1, 2, 3):
        client.post(f"/orders/ana/{loaves}")
    assert [event.data["loaves"] for event in kafka_events] == [1, 2, 3]


def test_a_cancelled_order_is_told(client, kafka_events):
    client.delete("/orders/ana")
    kafka_events.assert_emitted("order_cancelled", key="ana", attributes={"httpmethod": "DELETE"})


@pytest.mark.parametrize(
    ("card", "told", "not_told"),
    [("good", "payment_received", "payment_failed"), ("expired", "payment_failed", "payment_received")],
)
def test_a_payment_is_one_of_two_things(client, kafka_events, card, told, not_told):
    client.post(f"/payments/ana/{card}")
    kafka_events.assert_emitted(told, data={"customer": "ana"})
    kafka_events.assert_not_emitted(not_told)


def test_a_review_is_told(client, kafka_events):
    client.post("/reviews")
    kafka_events.assert_emitted("review_written", data={"stars": 5}, key=None)


def test_a_price_list_is_told_when_it_was_read(client, kafka_events):
    with client.get("/price-list") as response:
        assert response.text == "rye\nwheat\n"
        kafka_events.assert_nothing_emitted()
    kafka_events.assert_emitted("price_list_read", data=None)


def test_the_bakers_own_samples_are_not_told(client, kafka_events):
    client.post("/samples/baker")
    kafka_events.assert_nothing_emitted()
    client.post("/samples/ana")
    kafka_events.assert_emitted("sample_tasted", key="ana")


def test_visits_of_the_front_page_are_told(client, kafka_events):
    client.get("/")
    client.post("/samples/baker")
    kafka_events.assert_emitted("http.request", attributes={"endpoint": "shop.opening_hours"}, count=1)


def test_a_job_tells_what_it_baked(app, kafka_events):
    with app.app_context():
        bake("rye", grams=750)
    kafka_events.assert_emitted("loaf_baked", data={"kind": "rye", "grams": 750})


def test_a_command_tells_that_an_oven_is_lit(app, kafka_events):
    assert app.test_cli_runner().invoke(args=["shop", "light", "4"]).exit_code == 0
    kafka_events.assert_emitted("oven.lit", key=4, topic="bakery_ovens", data={"oven": ANY})


def test_nothing_is_sold_that_cannot_be_told():
    app = create_app({"TESTING": True, "KAFKA_EVENTS_QUEUE_EVENTS": 2})
    with capture_events(app) as captured:
        answers = [app.test_client().post("/orders/ana/1").status_code for _ in range(2)]
    assert answers == [201, 503]
    captured.assert_emitted("order_placed", count=1)


def test_two_branches_have_their_own_events():
    here, there = (create_app({"TESTING": True, "KAFKA_EVENTS_SOURCE": f"/{name}"}) for name in ("a", "b"))
    with capture_events(here, there) as both, capture_events(there) as one:
        here.test_client().delete("/orders/ana")
        there.test_client().delete("/orders/ben")
    assert [event.source for event in both] == ["/a", "/b"]
    one.assert_emitted("order_cancelled", key="ben", count=1)


@pytest.mark.parametrize("number", range(4))
def test_kafka_gets_an_order(kafka_broker, number):
    app = create_app({"TESTING": True, **kafka_broker.config("bakery_events")})
    app.test_client().post(f"/orders/ana/{number}")
    [event] = kafka_broker.read("bakery_events", count=1)
    assert event.data["loaves"] == number
    assert events.for_app(app).close()
