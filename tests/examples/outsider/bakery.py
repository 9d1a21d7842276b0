"""A bakery with ten kinds of events."""

import click
from flask import Blueprint, Flask, Response, redirect

from flask_kafka_events import KafkaEvents, QueueFull, current_event, emit_event, event_created

events = KafkaEvents()
shop = Blueprint("shop", __name__)


class CardDeclined(Exception):
    pass


def create_app(config=None):
    app = Flask("bakery")
    app.config.from_prefixed_env()
    app.config["KAFKA_EVENTS_TOPIC"] = "bakery_events"
    app.config["KAFKA_EVENTS_ON_FULL"] = "raise"
    app.config["KAFKA_EVENTS_REQUESTS"] = {"include": ["shop.opening_hours"]}
    app.config["KAFKA_EVENTS_TYPES"] = {"oven.*": {"topic": "bakery_ovens"}}
    app.config.update(config or {})
    events.init_app(app)
    app.register_blueprint(shop)
    app.register_error_handler(CardDeclined, lambda _: ("Your card was declined.", 402))
    app.register_error_handler(QueueFull, lambda _: ("Come back later.", 503))
    event_created.connect(add_branch, sender=app)
    return app


def add_branch(app, event):
    return event.replace(attributes={"branch": "harbour"})


@shop.post("/orders/<customer>/<int:loaves>")
@emit_event("order_placed", key="customer")
def order(customer, loaves):
    current_event.update(customer=customer, loaves=loaves, total={"amount": 3 * loaves, "currency": "EUR"})
    return "Thank you!", 201


@shop.delete("/orders/<customer>")
@emit_event("order_cancelled", key="customer", data=lambda customer: {"customer": customer})
def cancel(customer):
    return "", 204


@shop.post("/payments/<customer>/<card>")
@emit_event("payment_failed", on="error")
@emit_event("payment_received")
def pay(customer, card):
    current_event.of("payment_failed")["customer"] = customer
    current_event.of("payment_received").update(customer=customer, card=card)
    if card == "expired":
        raise CardDeclined
    return "Paid."


@shop.post("/reviews")
@emit_event("review_written")
async def review():
    current_event["stars"] = 5
    return redirect("/")


@shop.get("/price-list")
@emit_event("price_list_read", at="close")
def price_list():
    return Response(f"{loaf}\n" for loaf in ("rye", "wheat"))


@shop.post("/samples/<customer>")
@emit_event("sample_tasted", key="customer")
def taste(customer):
    current_event["customer"] = customer
    if customer == "baker":
        current_event.discard()
    return "Mmm."


@shop.get("/")
def opening_hours():
    return "6 to 12"


@emit_event("loaf_baked", data=lambda kind, grams: {"kind": kind, "grams": grams})
def bake(kind, grams):
    return f"{grams} g of {kind}"


@shop.cli.command("light")
@click.argument("oven", type=int)
def light(oven):
    events.emit("oven.lit", {"oven": oven}, key=oven)
